// Package frames is the frame files of a device, as docs/format.md section 9 has them: encrypted,
// chained frames that stand alike on m+1 disks. Journals and scan lists are such files.
//
// A Writer acknowledges a frame when it is durable on all of its replicas. Reading takes each
// frame from whichever copy holds it whole, and tells a torn tail, which no whole frame follows,
// from damage in the middle, which is an error. Copies are read, merged and mended without a key.
//
// It imports the disks, the format's numbers and the cipher. What a frame says, which files are a
// session's, and whether the last frame of one counts is decided by its caller. It never cuts or
// overwrites what was acknowledged.
package frames
