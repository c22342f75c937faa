package appliance

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// longTree is a file with so many holes that its extents stand in continuation
// records, with a further name, and a short file.
func longTree(t *testing.T) string {
	t.Helper()
	src := t.TempDir()
	f, err := os.Create(filepath.Join(src, "long"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	island := make([]byte, 4<<10)
	for i := range 400 {
		for j := range island {
			island[j] = byte(i ^ j ^ j>>8)
		}
		if _, err := f.WriteAt(island, int64(i)<<16); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(
		f.Sync(),
		os.WriteFile(filepath.Join(src, "short"), island[:1001], 0o644),
		os.Link(filepath.Join(src, "long"), filepath.Join(src, "long2")),
	)
	st, serr := f.Stat()
	if err := errors.Join(err, serr); err != nil {
		t.Fatal(err)
	}
	if st.Sys().(*syscall.Stat_t).Blocks*512 > st.Size()/2 {
		t.Skip("this file system keeps no holes")
	}
	return src
}

// TestLongExtentsLoadedAgain: content whose extents are in continuation records counts
// as lost while packs of it are, and no more once it was loaded again. None of it is
// dead.
func TestLongExtentsLoadedAgain(t *testing.T) {
	src := longTree(t)
	r := newMemRig(t, rigOptions{k: 3, m: 1, disks: 5, block: 4096, packSize: 256 << 10})
	r.cfg.Workers = 1
	r.loadAll(src, LoadOptions{})
	d := r.mustDevice()
	continued := 0
	err := d.eachRecord(func(b []byte) error {
		kind, _, _, err := manifest.PeekRecord(b)
		if kind == manifest.KindContinuation {
			continued++
		}
		return err
	})
	before := d.Status()
	d.Close()
	if err != nil || continued == 0 {
		t.Fatalf("%d continuation records, %d packs, %v", continued, before.Packs, err)
	}
	if before.Lost != 0 || before.DeadBytes != 0 {
		t.Errorf("after the load: %d entries lost, %d bytes dead", before.Lost, before.DeadBytes)
	}
	for _, b := range []int{3, 4} {
		removeAll(t, r.mems[b], disk.PacksDir+"/")
	}
	d = r.mustDevice()
	if _, err := d.ReadBack(t.Context(), nil); !errors.Is(err, ErrLost) {
		t.Errorf("the read-back: %v", err)
	}
	if st := d.Status(); st.Lost < 2 {
		t.Errorf("%d entries are lost with their packs", st.Lost)
	}
	d.Close()
	if rep := r.loadAll(src, LoadOptions{}); rep.Status.Lost != 0 || rep.Status.Entries != before.Entries {
		t.Errorf("loaded again: %d entries lost, %d of %d safe", rep.Status.Lost, rep.Status.Entries, before.Entries)
	}
	if rep := r.loadAll(src, LoadOptions{}); rep.Entries != 0 {
		t.Errorf("a third load took %d entries", rep.Entries)
	}
}
