package firmware

import (
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestAllowDisks: what was let pass as disks is signed, adds up, and goes with the job.
func TestAllowDisks(t *testing.T) {
	fsys := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, fsys)
	apply(t, d, adoptEvent(1, 1, "job"))
	expect := func(shared bool, filesystems ...string) {
		t.Helper()
		var err error
		if d, err = Open(fsys); err != nil {
			t.Fatal(err)
		}
		if r := d.Record(); r.SharedDisks != shared || !slices.Equal(r.Filesystems, filesystems) {
			t.Errorf("shared %v, %v; want %v, %v", r.SharedDisks, r.Filesystems, shared, filesystems)
		}
	}
	allow := func(shared bool, filesystems ...string) {
		t.Helper()
		if err := d.AllowDisks(shared, filesystems); err != nil {
			t.Fatal(err)
		}
	}
	expect(false)
	before := d.Record().Counter
	allow(false)
	if d.Record().Counter != before {
		t.Error("nothing was allowed, and it was written down")
	}
	allow(false, "vfat", "fuse", "vfat")
	allow(true)
	allow(false, "fuse")
	expect(true, "fuse", "vfat")
	apply(t, d, adoptEvent(1, 2, "job, newer"))
	expect(true, "fuse", "vfat")
	apply(t, d, adoptEvent(2, 1, "another job"))
	expect(false)
}
