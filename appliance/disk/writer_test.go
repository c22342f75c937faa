package disk

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// gated is a file whose writes wait for a gate and are listed.
type gated struct {
	vfs.File
	name string
	gate <-chan struct{}
	mu   *sync.Mutex
	list *[]string
}

func (g *gated) WriteAt(p []byte, off int64) (int, error) {
	<-g.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	*g.list = append(*g.list, g.name)
	return len(p), nil
}

// TestWriterStaysInAFile: of what waits for a disk the writes to one file are taken
// together.
func TestWriterStaysInAFile(t *testing.T) {
	const writes = 100
	gate := make(chan struct{})
	var mu sync.Mutex
	var list []string
	b := NewBay(0, Disk{Name: "0"}, manifest.ID{1})
	b.StartWriter()
	files := []vfs.File{&gated{nil, "a", gate, &mu, &list}, &gated{nil, "b", gate, &mu, &list}}
	buf := make([]byte, 512)
	for i := range writes {
		for _, f := range files {
			b.Queue(WriteRequest{File: f, Buf: buf, Off: int64(i * len(buf)), Done: func(error) {}})
		}
	}
	close(gate)
	b.StopWriter()
	if len(list) != 2*writes {
		t.Fatal(len(list))
	}
	// Two writes are in flight: those at a border may end in either order.
	if changes := len(slices.Compact(list)) - 1; changes > 5 {
		t.Errorf("%d writes to each of two files: %d changes of the file, want about one", writes, changes)
	}
}

// TestAlone: while somebody has the disk alone, nothing that is queued is written.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBay(0, Disk{Name: "0"}, manifest.ID{1})
		b.StartWriter()
		done := 0
		b.Alone(func() {
			b.Queue(WriteRequest{File: late{nil, time.Millisecond}, Buf: make([]byte, 1), Done: func(error) { done++ }})
			time.Sleep(time.Second)
			if done > 0 {
				t.Error("a write beside who has the disk alone")
			}
		})
		b.StopWriter()
		if done != 1 {
			t.Error("the write was never made")
		}
	})
}

// late is a file whose disk takes a while for a write.
type late struct {
	vfs.File
	takes time.Duration
}

func (l late) WriteAt(p []byte, _ int64) (int, error) {
	time.Sleep(l.takes)
	return len(p), nil
}

// TestSlowest: the disk that the others wait for is named with its rate, while it writes
// and afterwards; none is named among equals. The clock is the bubble's.
func TestSlowest(t *testing.T) {
	for slow, want := range map[time.Duration]string{40 * time.Millisecond: "disk3, 50 MiB/s", 10 * time.Millisecond: ""} {
		synctest.Test(t, func(t *testing.T) {
			var s Bays
			for i := range 5 {
				b := NewBay(i, Disk{Name: fmt.Sprintf("disk%d", i)}, manifest.ID{1})
				b.StartWriter()
				s = append(s, b)
				takes := 10 * time.Millisecond
				if i == 3 {
					takes = slow
				}
				for range 100 {
					b.Queue(WriteRequest{File: late{nil, takes}, Buf: make([]byte, 1<<20), Done: func(error) {}})
				}
			}
			said := func() string {
				p := s.Slowest(time.Now())
				if p == nil {
					return ""
				}
				return fmt.Sprintf("%s, %.0f MiB/s", p.Disk, p.Rate/(1<<20))
			}
			if got := said(); got != "" {
				t.Errorf("said before anything was written: %q", got)
			}
			time.Sleep(time.Second)
			if got := said(); (got == "") != (want == "") {
				t.Errorf("meanwhile: %q, want %q", got, want)
			}
			for _, b := range s {
				b.StopWriter()
			}
			if got := said(); got != want {
				t.Errorf("in the end: %q, want %q", got, want)
			}
		})
	}
}
