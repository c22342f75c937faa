// Package scan is a site's source: a Source is one folder of one file system, that is walked,
// looked at and read; List walks it, checks its names against the target's rules, groups hard
// links, and leaves out what the device has unchanged.
//
// What a source cannot give is an entry that says so; a source that has gone ends the scan, so
// that nothing counts as skipped that was never looked at. A file is read only when the tick of
// its last change is over: every later change then shows in its times.
//
// It imports no disk but its errors, and no key: what the device has it asks through Known. It
// writes nothing to the source and follows nothing out of it.
package scan
