// Package proof checks the proof of one file (format.md 7.6) from the job signer's key down
// to the record, and a plain file against the record. It needs no disk.
package proof
