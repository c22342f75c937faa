package appliance

import (
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// seeking is a disk that has no inode in memory: each look at a file is a seek.
type seeking struct {
	vfs.FS
	looks *atomic.Int64
}

const seekTime = 8 * time.Millisecond

func (s *seeking) Stat(name string) (fs.FileInfo, error) {
	s.looks.Add(1)
	time.Sleep(seekTime)
	return s.FS.Stat(name)
}

func (s *seeking) Lock(name string) (io.Closer, error) { return vfs.Lock(s.FS, name) }

// TestSealSeeks: a seal looks for its shards on all disks at once, for the log and
// before the signature: five disks seek at the same time. The clock is the bubble's.
func TestSealSeeks(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	r.loadAll(smallTree(t, 7, 30<<20), LoadOptions{})
	synctest.Test(t, func(t *testing.T) {
		looks := &atomic.Int64{}
		for i := range r.cfg.Disks {
			r.cfg.Disks[i].FS = &seeking{r.mems[i], looks}
		}
		d := r.mustDevice()
		defer d.Close()
		stage, since := "", time.Now()
		next := func(name string) {
			took, n := time.Since(since), looks.Load()
			if alone := time.Duration(n) * seekTime; (stage == "log" || stage == "checkpoint") && (n < 50 || took > alone/3) {
				t.Errorf("%s: %d seeks took %v, one after another %v", stage, n, took, alone)
			}
			stage, since = name, time.Now()
			looks.Store(0)
		}
		o := r.sealOptions()
		o.Stage = next
		if _, err := d.Seal(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		next("")
	})
}
