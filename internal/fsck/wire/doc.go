// Package wire parses what docs/format.md defines, for the verifier: field messages,
// log entries, the job file, statements, checkpoints, labels, headers and
// wraps. It believes nothing: a signature is checked by whoever knows the key.
//
//	e, err := wire.ParseEntry(raw)
//	if err == nil && e.Pack != nil { … e.Pack.Geometry … }
//
// Every structure has exactly one encoding. Anything else is [ErrMalformed], or
// [ErrVersion] where a newer verifier may know it.
package wire
