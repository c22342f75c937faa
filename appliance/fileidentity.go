package appliance

import (
	"encoding/binary"

	"github.com/sledge-io/sledge/appliance/scan"
)

// identityBytes is what a journal knows a tree's file by while it is in progress.
func identityBytes(i scan.FileID) (b [40]byte) {
	for n, v := range []uint64{uint64(i.Size), uint64(i.Mtime), uint64(i.Ctime), i.Dev, i.Ino} {
		binary.BigEndian.PutUint64(b[8*n:], v)
	}
	return b
}

func identityFrom(b [40]byte) scan.FileID {
	u := func(n int) uint64 { return binary.BigEndian.Uint64(b[8*n:]) }
	return scan.FileID{Size: int64(u(0)), Mtime: int64(u(1)), Ctime: int64(u(2)), Dev: u(3), Ino: u(4)}
}
