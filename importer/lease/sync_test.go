package lease

import (
	"errors"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// A lease whose name is not on the disk is none: after a power cut another process
// would get the same number.
func TestLeaseIsSynced(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 20})
	if err := durable.MkdirAll(m, Folder); err != nil {
		t.Fatal(err)
	}
	for n, op := range []vfs.OpKind{vfs.OpSync, vfs.OpSyncDir} {
		broken := vfs.NewFault(m, vfs.Rule{Op: op, Err: syscall.EIO})
		if err := makeFile(broken, Name(uint64(n+1)), []byte("x")); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s failed, and the lease was made: %v", op, err)
		}
	}
}
