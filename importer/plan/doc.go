// Package plan says what becomes of an entry in a target: its key, its parts, its metadata
// and its attributes, as a pure function of the entry, the rules and the settings of a run,
// and which keys collide.
//
// It makes no request and keeps no journal: Check is given where keys are sorted and who
// keeps what was found. It imports entry, content and the target's words, and no other part
// of the importer.
package plan
