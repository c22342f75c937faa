// Package fsck verifies a device, a proof of one file, an import's receipts, its
// commit marker, or a job's acceptance, with no key that decrypts and no code of
// the writer: it is written from docs/format.md alone, on the standard library,
// golang.org/x/mod/sumdb and klauspost/reedsolomon.
//
// The path of trust:
//
//	job signer's key → job file → device key → checkpoint → log
//	log → page ciphertexts, hash list of every pack → every data block → parity
//
// Disks come in any order and number, under any name; what a disk says of
// itself is a hint. Damage is a [Finding], not an error: an error means that
// the check could not be made.
//
//	report, err := fsck.Disks(ctx, fsck.Options{Disks: disks, Trust: trust})
//	if err == nil && report.Verdict == fsck.VerdictClean && report.Origin == fsck.OriginProven { … }
package fsck
