package lease

import (
	"os"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestLeases: the highest number holds, one is never given twice, and old ones go.
func TestLeases(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 20})
	first, err := TakeFolder(disk)
	if err != nil || first.Held() != nil {
		t.Fatal(err, first.Held())
	}
	var all sync.WaitGroup
	given := make([]uint64, 40)
	for i := range given {
		all.Go(func() {
			if l, err := TakeFolder(disk); err != nil {
				t.Error(err)
			} else {
				given[i] = l.number
			}
		})
	}
	all.Wait()
	seen := map[uint64]bool{}
	for _, n := range given {
		if seen[n] || n < 2 || n > 41 {
			t.Errorf("lease %d", n)
		}
		seen[n] = true
	}
	for range 2 * kept {
		if !target.HasCode(first.Held(), target.CodeTakenOver) {
			t.Fatal("the first still holds")
		}
		if _, err := TakeFolder(disk); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := disk.ReadDir(Folder); err != nil || len(left) > kept {
		t.Errorf("%d leases are kept, %v", len(left), err)
	}
	if h := HolderOf(disk); h.PID != os.Getpid() {
		t.Errorf("holder %+v", h)
	}
}
