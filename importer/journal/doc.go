// Package journal keeps what a run remembers between starts: small values under a kind and a
// number, of which there may be 10^8 and more, in bounded memory.
//
// Two kinds of files lie in the journal's folder. Both consist of frames with checksums (frame.go).
//
//	00000012.changes   each change of a value, in order, since the last turn. There is one such file
//	00000007.pages     values by pages: all of one kind whose numbers are side by side, packed
//
// A change is in the file once 16 KiB are gathered, and durable with the next Sync. The changes since the last turn are in memory, too. Once
// they are many, a turn writes the pages that they touch anew at the end of the newest pages file,
// and begins the next changes file. The first frame of a changes file lists the pages files that
// count and how long they are, so a turn is done when that frame is durable, and not before: what
// a crash leaves is the state after some change, and never a mixture.
//
// Of a page its newest frame counts. A pages file of which most is dead is written again. No pages
// file is ever appended to by a later opening, so the files of a journal may be linked by a copy of
// it, and the two do not disturb each other. The changes file has to be copied.
//
// After the first write that fails nothing reaches the disk any more: the files stay as a crash at
// that moment would leave them, and every call says why.
//
// The package imports the file system and nothing else of the module. It knows no targets, no
// entries and no leases, and retries nothing.
package journal
