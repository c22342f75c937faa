// Package sign writes an import's receipts and puts the importer's signatures to them: the list
// of its lines, the log of their commitments with its checkpoint, the total, and the commit
// marker that is made of these (docs/format.md sections 8.3 and 8.4).
//
// What the lines say is its caller's, and so is the moment at which a signature may be given. The
// order is the package's: nothing is signed before all that it is about is durable. The same
// lines and salts have the same bytes, so that a writer that was cut off anywhere is begun anew.
//
// Whoever reads receipts imports importer/receipt, and never this.
package sign
