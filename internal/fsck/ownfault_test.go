package fsck

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"syscall"
	"testing"
)

// scarce is a disk whose opens fail from one on, as for a process that has no
// descriptors left; all disks of a process count together.
type scarce struct {
	fs.FS
	left *atomic.Int64
}

func (s scarce) Open(name string) (fs.File, error) {
	if s.left.Add(-1) < 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	return s.FS.Open(name)
}

// TestTooManyOpenFiles: at whatever open the descriptors run out, the check ends with
// that error. It has no findings, least of all lost data.
func TestTooManyOpenFiles(t *testing.T) {
	d := makeDevice(t, smallPlan())
	for opens := int64(0); ; opens++ {
		o := d.options()
		o.Workers = 1
		left := &atomic.Int64{}
		left.Store(opens)
		for i := range o.Disks {
			o.Disks[i].FS = scarce{o.Disks[i].FS, left}
		}
		r, err := Disks(context.Background(), o)
		if left.Load() >= 0 {
			if err != nil || r.Verdict != VerdictClean {
				t.Fatalf("with enough descriptors: %v", err)
			}
			t.Logf("figure: %d opens", opens)
			return
		}
		if !errors.Is(err, syscall.EMFILE) || r != nil {
			t.Fatalf("%d opens: %v, report %+v", opens, err, r)
		}
	}
}
