package appliance

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestAnotherLoadKey: a disk of a first unlock that was cut off, and then done anew with
// other disks, has a load key of its own. Whatever its place among the disks it is named,
// and nothing is loaded under a key that the others do not have.
func TestAnotherLoadKey(t *testing.T) {
	r := small32(t)
	r.mustDevice().Close()
	first := append([]*vfs.Mem(nil), r.mems...)
	k, err := Prepare(r.cfg, r.root)
	if err != nil {
		t.Fatal(err)
	}
	fresh := make([]*vfs.Mem, len(first))
	for i := range fresh {
		fresh[i] = vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40})
	}
	r.use(fresh)
	r.mustDevice().Close()
	for _, at := range []int{0, 2, 4} {
		mixed := append([]*vfs.Mem(nil), first...)
		mixed[at] = fresh[at]
		r.use(mixed)
		name := r.cfg.Disks[at].Name
		if got, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "disk "+name) {
			t.Errorf("disk %d: %v; the key is the others': %v", at, err, bytes.Equal(got, k))
		}
	}
	r.use([]*vfs.Mem{first[0], first[1], fresh[2], fresh[3], nil})
	if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrForeign) {
		t.Errorf("two of each: %v", err)
	}
}
