package pack

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// head is a disk that takes a while for each write and counts how often it goes from one
// file to another.
type head struct {
	vfs.FS
	mu      sync.Mutex
	at      string
	changes int
	small   int // those to a file that is no shard
}

type headFile struct {
	vfs.File
	h    *head
	name string
}

func (h *head) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	f, err := h.FS.Create(name, o)
	return headFile{f, h, name}, err
}

func (f headFile) WriteAt(p []byte, off int64) (int, error) {
	f.h.mu.Lock()
	if f.h.at != f.name {
		f.h.at = f.name
		f.h.changes++
		if !strings.HasSuffix(f.name, ".shard") {
			f.h.small++
		}
	}
	f.h.mu.Unlock()
	time.Sleep(time.Millisecond)
	return f.File.WriteAt(p, off)
}

// TestOnePackAtATime: two packs that are written at once onto disks which are the limit
// lie on each disk one after the other: its head goes from one to the other a few times,
// not once for each of 80 blocks. The clock is the bubble's.
func TestOnePackAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		geo := manifest.Geometry{K: 3, M: 2, BlockSize: 4096}
		code, err := erasure.NewCode(geo.K, geo.M)
		if err != nil {
			t.Fatal(err)
		}
		var places disk.Bays
		var heads []*head
		for i := range geo.K + geo.M {
			h := &head{FS: vfs.NewMem(vfs.MemOptions{Capacity: 1 << 30})}
			b := disk.NewBay(i, disk.Disk{Name: strconv.Itoa(i), FS: h}, manifest.ID{byte(i + 1)})
			b.StartWriter()
			defer b.StopWriter()
			places, heads = append(places, b), append(heads, h)
		}
		pool := Buffering{geo, geo.K * geo.BlockSize}.New(mostBuffers * 2)
		var wg sync.WaitGroup
		for n := range 2 {
			wg.Go(func() {
				w, err := NewWriter(manifest.ID{byte(n + 1)}, code, geo, places, []byte{0, 1, 2, 3, 4}, pool)
				if err == nil {
					err = w.Write(make([]byte, 80*geo.K*geo.BlockSize))
				}
				if err == nil {
					err = w.Last()
				}
				if err == nil {
					_, err = w.Finish()
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, h := range heads {
			if h.small != 4 {
				t.Errorf("disk %d: %d changes to hash lists and pieces, want 4", i, h.small)
			}
			if h.changes > 16 {
				t.Errorf("disk %d: %d changes of the file", i, h.changes)
			}
		}
		t.Logf("figure: %d changes on the first disk", heads[0].changes)
	})
}
