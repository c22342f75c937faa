// Package custody verifies a custody log by docs/format.md, section 12, with public keys alone
// and no code of the writer.
//
//	job signer's key → job file → first custodian (the device's key) → entries
//	entries → next custodian at each hand-over → who may sign which checkpoint
//
// A log that was rolled back whole looks whole. Only a checkpoint that came another way
// shows it: a cosignature, a QR code that was kept, a copy. Without one the report says so.
//
//	r, err := custody.Verify(custody.Input{Folder: dir, Trust: trust, Seen: notes, Now: time.Now()})
package custody
