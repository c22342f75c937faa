// Package fetch reads a source's small entries before the load comes to them, many at once,
// where the source's calls take long. What is held is bounded in entries, bytes and open files.
// Whether an entry may be taken as good is decided by package scan, as for one that is read at
// once.
package fetch
