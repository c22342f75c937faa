// Package receipt is the words of an import's receipts: the lines of objects.list, the total that
// is signed, and the mark of a run that was given up (docs/format.md section 10).
//
//	Read → Text: a list line by line, whoever reads it; Each: entry by entry
//
// It is pure: it knows neither how receipts come to be nor how a store is asked. The import
// writes by it, and audits, reports and unions of devices read by it. The verifier,
// internal/fsck, has a parser of its own.
package receipt
