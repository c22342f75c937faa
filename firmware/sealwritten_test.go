package firmware

import (
	"errors"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestRecordWritten: which disks were written to outlives the process, belongs to its
// checkpoint alone, and is refused where none is recorded.
func TestRecordWritten(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, m)
	if err := d.RecordWritten("sledge/a/b/1", [][16]byte{{1}}); !errors.Is(err, ErrForbidden) {
		t.Errorf("without a checkpoint: %v", err)
	}
	for _, origin := range []string{"sledge/a/b/1", "sledge/a/b/2"} {
		if err := d.RecordCheckpoint(origin, 7, [32]byte{1}, [32]byte{2}); err != nil {
			t.Fatal(err)
		}
	}
	for _, disks := range [][][16]byte{{{1}}, {{1}, {2}}} {
		if err := d.RecordWritten("sledge/a/b/1", disks); err != nil {
			t.Fatal(err)
		}
		var err error
		if d, err = Open(m); err != nil {
			t.Fatal(err)
		}
		if got := d.RecordedWritten("sledge/a/b/1"); !slices.Equal(got, disks) {
			t.Errorf("%v, want %v", got, disks)
		}
		if got := d.RecordedWritten("sledge/a/b/2"); got != nil {
			t.Errorf("another's: %v", got)
		}
	}
	if d.RecordedPlan("sledge/a/b/1") != [32]byte{2} {
		t.Error("the digest is gone")
	}
}
