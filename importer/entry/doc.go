// Package entry declares what an import reads and what becomes of it: the Source of a
// sealed device and its entries, the outcome and the proof of each, and their tally.
//
// It reads no disk and makes no request. It imports the manifest's records and the
// target's errors, and no other part of the importer.
package entry
