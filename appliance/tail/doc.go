// Package tail is the end of a journal file: whether its last frame counts, which a crash may have
// cut off between its copies. Opening a device and rebuilding a disk decide by the same rule, and
// the rule needs no key.
//
// It imports disks, frames and packs.
package tail
