// Package log reads a log of tiles (C2SP tlog-tiles) from the copies on several disks
// and proves it against a signed root. Each tile and bundle is taken from a disk that
// has it right, or is made from what lies below it. Disks that have it otherwise are
// named.
//
//	l := log.NewView(disks, checkpoint.Size, checkpoint.Root, list)
//	err := l.Walk(ctx, func(pos int64, entry []byte) error { … })
package log
