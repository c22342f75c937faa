package firmware

import (
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestJobFileChanged: a job file that was changed in the state folder is not obeyed,
// also not after the device was opened again.
func TestJobFileChanged(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, disk)
	apply(t, d, adoptEvent(1, 5, "five"))
	if err := durable.WriteFile(disk, jobName(d.Record().JobSHA256), []byte("FIVE")); err != nil {
		t.Fatal(err)
	}
	again, err := Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Device{d, again} {
		if file, err := d.JobFile(); err == nil {
			t.Errorf("obeyed: %q", file)
		}
	}
}
