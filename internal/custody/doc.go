// Package custody holds what a custody log is made of; its parts know no device and no
// command.
//
//	event    an entry: a statement of its actor about what happened to a device
//	log      the entries as a C2SP tlog-tiles log in a folder
//	witness  a hand-over: what is asked of the next custodian, and what he answers
//	codes    what is handed over, as QR codes
//
// docs/format.md, section 12, has every byte. The verifier is internal/fsck/custody, which
// shares no code with this.
package custody
