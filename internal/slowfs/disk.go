package slowfs

import (
	"context"
	"sync"
	"time"

	"github.com/sledge-io/sledge/internal/pause"
)

// Disk is a hard disk: one head, which has to seek where an access does not begin
// at the end of the one before it in the same file, and reads and writes at a rate.
// Writes need no seek within four mebibytes of one another: a disk's own cache puts
// those in order.
// Of the accesses that wait the head takes one that needs no seek first, then the
// nearest ahead in its file, then those of the file that was waited for longest, from
// its front on. Each file counts as one extent. The zero value is no disk.
type Disk struct {
	Seek time.Duration // for every seek and every fsync
	Rate int64         // bytes a second; 0: no limit
}

// disk is the head and who waits for it.
type disk struct {
	Disk
	mu      sync.Mutex
	busy    bool
	node    uint64    // where the head is: a file…
	next    int64     // …and the byte after the last access…
	wrote   bool      // …which was a write
	free    time.Time // the end of the last access
	waiting []*access
	seeks   int64
}

type access struct {
	node  uint64
	from  int64
	write bool
	turn  chan struct{}
}

// near is how far apart writes may be that the disk puts in order.
const near = 4 << 20

func newDisk(d Disk) *disk {
	if d == (Disk{}) {
		return nil
	}
	return &disk{Disk: d}
}

// Seeks are the seeks of the disk so far.
func (f *FS) Seeks() int64 {
	if f.disk == nil {
		return 0
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.disk.seeks
}

// access waits for the head and then for what it has to do.
func (d *disk) access(ctx context.Context, node uint64, from, size int64, write bool) error {
	if d == nil {
		return nil
	}
	a := &access{node, from, write, make(chan struct{})}
	begins := time.Now()
	d.mu.Lock()
	if d.busy {
		d.waiting = append(d.waiting, a)
		d.mu.Unlock()
		<-a.turn // those before it wait for no longer than ctx lasts
		d.mu.Lock()
		begins = d.free // not when this program was told
	}
	d.busy = true
	var takes time.Duration
	if d.follows(a) {
		d.next = max(d.next, from+size)
	} else {
		d.seeks++
		takes += d.Seek
		d.next = from + size
	}
	if d.Rate > 0 {
		takes += time.Duration(float64(size) / float64(d.Rate) * float64(time.Second))
	}
	d.node, d.wrote, d.free = node, write, begins.Add(takes)
	d.mu.Unlock()
	err := pause.Until(ctx, begins.Add(takes))
	d.release()
	return err
}

// elsewhere is no file's node: an access there always seeks.
const elsewhere = 0

func (d *disk) follows(a *access) bool {
	if a.node == elsewhere || a.node != d.node {
		return false
	}
	return a.from == d.next || a.write && d.wrote && a.from < d.next+near && a.from >= d.next-near
}

// release gives the head to the next one.
func (d *disk) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		d.busy = false
		return
	}
	i := d.best()
	a := d.waiting[i]
	d.waiting = append(d.waiting[:i], d.waiting[i+1:]...)
	close(a.turn)
}

// best is the number of the one that waits and goes on where the head is; failing
// that, of the nearest ahead in the same file; else of the first in the file that
// was waited for longest.
func (d *disk) best() int {
	ahead, first := -1, 0
	for i, a := range d.waiting {
		switch {
		case d.follows(a):
			return i
		case a.node == d.node && a.from > d.next && (ahead < 0 || a.from < d.waiting[ahead].from):
			ahead = i
		case a.node == d.waiting[first].node && a.from < d.waiting[first].from:
			first = i
		}
	}
	if ahead >= 0 {
		return ahead
	}
	return first
}
