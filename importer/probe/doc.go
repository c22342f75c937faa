// Package probe finds out what a target does, by objects of its own below Prefix, which it
// removes: whether it refuses wrong checksums, keeps what it is given, honours conditions, shows
// keys under their own names, and what it takes of attributes. Report says what was seen, and
// Report.Verdict whether an import can begin there; Examine asks everything and explains it.
//
// It makes its calls by importer/request. It knows no run, no journal and no state folder, and
// touches no key outside of the prefix that it was given.
package probe
