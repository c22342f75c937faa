package importer

import (
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCancelDiskFills: wherever the state folder's disk takes no more, a cancel says that the run
// is canceled if the next start says so. Such a run is marked, and no other is. With room the next
// cancel ends it.
func TestCancelDiskFills(t *testing.T) {
	unmarked := 0
	for n := 1; ; n++ {
		s, f, disk := newSource(), newFake(t), memDisk()
		s.file("a", []byte("hello"))
		mustRun(t, s, f, testOptions(t, disk))
		fault := vfs.NewFault(disk)
		fired := fault.Add(vfs.Rule{Op: vfs.OpWrite, Nth: n, Times: 1 << 30, Err: syscall.ENOSPC})
		out, err := Cancel(t.Context(), s, deleting{f}, testOptions(t, fault), true)
		if fired() == 0 {
			if err != nil || unmarked == 0 {
				t.Errorf("%d writes, %d of them without a mark: %v", n, unmarked, err)
			}
			return
		}
		if err == nil {
			t.Errorf("write %d: no error", n)
		}
		recorded := out != nil && out.Recorded
		_, markErr := disk.Stat(receipt.CancelName)
		_, copyErr := disk.Stat("receipts/" + receipt.CancelName)
		if recorded != (markErr == nil) || !recorded && copyErr == nil {
			t.Errorf("write %d: recorded %v; the mark: %v, that of the receipts: %v", n, recorded, markErr, copyErr)
		}
		if !recorded && f.ours() == 0 {
			t.Errorf("write %d: objects of a run that is not recorded as canceled were deleted", n)
		}
		if _, err := disk.Stat(receipt.CancelName); err != nil {
			unmarked++
		}
		if _, err := Run(t.Context(), s, f, testOptions(t, disk)); target.HasCode(err, target.CodeCanceled) != recorded {
			t.Errorf("write %d: recorded %v, and the next start says %v", n, recorded, err)
		}
		// It knows what was deleted and could not be written down.
		if _, err := Cancel(t.Context(), s, deleting{f}, testOptions(t, disk), true); err != nil || f.ours() > 0 {
			t.Errorf("write %d: then %v, %d objects left", n, err, f.ours())
		}
		marked(t, disk, "")
	}
}
