// Package dossier is what an auditor is given, and what was found of it: which of a folder's
// files are statements, labels, receipts, proofs or disks, and a report of checks as JSON, as
// text, and as one HTML page.
//
// It decides nothing: what a file is comes from its content, and nobody has vouched for that.
// Who checks it is internal/keyless. Names in it are hostile text.
package dossier
