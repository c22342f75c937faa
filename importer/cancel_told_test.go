package importer

import (
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCancelTold: wherever the state folder fails a cancel, it says that the run is canceled if
// that is durable, that it may be if the mark is there all the same, and nothing of the kind else.
func TestCancelTold(t *testing.T) {
	for _, op := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename, vfs.OpCreate} {
		for n, more := 1, true; more; n++ {
			s, f, disk := newSource(), newFake(t), memDisk()
			s.file("a", []byte("hello"))
			mustRun(t, s, f, testOptions(t, disk))
			more = false
			for call := 1; call <= 2; call++ { // the second one finds what the first has left
				fault := vfs.NewFault(disk)
				fired := fault.Add(vfs.Rule{Op: op, Nth: n, Times: 1 << 30, Err: syscall.EIO})
				out, _ := Cancel(t.Context(), s, deleting{f}, testOptions(t, fault), true)
				more = more || fired() > 0
				if out == nil {
					continue
				}
				_, err := disk.Stat(receipt.CancelName)
				there := err == nil
				_, err = disk.CrashClone(newRand(1), 0).Stat(receipt.CancelName)
				if out.Recorded && err != nil {
					t.Errorf("%s %d, call %d: told as recorded, and lost with the power", op, n, call)
				}
				if there != (out.Recorded || out.Unsure) || out.Recorded && out.Unsure {
					t.Errorf("%s %d, call %d: marked %v, told %+v", op, n, call, there, out)
				}
			}
		}
	}
}
