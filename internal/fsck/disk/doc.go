// Package disk reads the files of mounted disks, and keeps what was learned of each. A
// failure of this process's own (no file descriptors left, say) is told from one of a
// disk: it ends a check and is no finding.
//
//	f, err := disk.OpenFile(d.FS, disk.ShardName(pack, 3))
package disk
