package durable

import (
	"errors"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// What is gone already is made durable as gone: an earlier attempt may have ended
// before its folder was synced. A folder that cannot be synced is told.
func TestRemoveAllOfWhatIsGone(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 20})
	if err := MkdirAll(m, "a"); err != nil {
		t.Fatal(err)
	}
	if err := RemoveAll(m, "a/b", 10); err != nil {
		t.Fatal(err)
	}
	broken := vfs.NewFault(m, vfs.Rule{Op: vfs.OpSyncDir, Path: "a", Err: syscall.EIO})
	if err := RemoveAll(broken, "a/b", 10); !errors.Is(err, ErrDiskFailed) {
		t.Errorf("the folder was not synced: %v", err)
	}
}
