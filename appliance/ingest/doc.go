// Package ingest is the door through which bytes reach an open device: content and records go into
// packs, and a frame of the journal commits them.
//
//	bytes → Content → Writer's pack → closer → Device.Commit
//
// It imports the format, packs and what journals say. It never reads a source, and knows nothing of
// how one proves that its content stood still; it never decides which disks take a pack, nor whether
// a frame counts: that is the open device's.
package ingest
