// Package journal is what the frames of a device's journal say, as docs/format.md section 9 has
// it: the message of a frame, the signed public entry of a pack, marks of what was read back, and
// ranges of a scan list.
//
// It encodes, decodes and signs. It imports the format and the frames that carry it. It reads and
// writes no disk, and keeps no state: what a device makes of its journal is the device's.
package journal
