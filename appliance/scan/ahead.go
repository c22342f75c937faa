package scan

import (
	"cmp"
	"container/heap"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/appliance/pace"
	"github.com/sledge-io/sledge/internal/vfs"
)

// ahead lists folders and looks at entries before the walk comes to them, many at
// once, the next in the walk's order first. What is held for the walk is bounded:
// beyond it only that goes on which the walk waits for.
type ahead struct {
	src *Source

	mu      sync.Mutex
	walker  *sync.Cond // of mu: what the walk waits for may be done
	room    *sync.Cond // of mu: a listing that was held back may go on
	todo    queue
	waits   *folder // that the walk waits for
	listed  int     // names of folders that the walk has not begun
	looks   int     // entries of runs that were not visited
	kept    int     // folders that are held open
	opening int     // folders that one claim opens, besides
	active  int     // goroutines that are in calls
	over    bool
	err     error // of reading spilled names
	pace    pace.Pace
	done    sync.WaitGroup
}

const (
	maxListed = 16384
	maxLooks  = 8192
	maxKept   = 64 // folders
	maxOpen   = 96 // folders, also those that are open for one claim alone
	noteNames = 64 // names of a listing between looks at the bound
)

func newAhead(s *Source) *ahead {
	a := &ahead{src: s, pace: pace.New(s.Concurrency)}
	a.walker, a.room = sync.NewCond(&a.mu), sync.NewCond(&a.mu)
	return a
}

// stop lets no further call begin.
func (a *ahead) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.room.Broadcast()
	a.walker.Broadcast()
}

// close stops and waits for the calls in flight. The walk has dropped its folders.
func (a *ahead) close() {
	a.stop()
	a.done.Wait()
	a.src.pace = &a.pace
}

// begin waits until a folder is listed, or its err says why not.
func (a *ahead) begin(d *folder) *folder {
	a.mu.Lock()
	defer a.mu.Unlock()
	d.begun, a.waits = true, d
	a.listed -= d.counted
	d.counted = 0
	a.room.Broadcast()
	if !d.listed {
		a.push(d, d.rel)
	}
	for !d.listed && !a.over {
		a.spawn()
		a.walker.Wait()
	}
	if !d.listed {
		d.err = context.Canceled
	}
	a.spawn()
	return d
}

// next waits for the folder's next run; nil is its end.
func (a *ahead) next(d *folder) (*run, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits = d
	for {
		switch {
		case a.err != nil:
			return nil, a.err
		case a.over:
			return nil, context.Canceled
		case len(d.runs) > 0 && d.runs[0].looked == len(d.runs[0].keys):
			return d.runs[0], nil
		case len(d.runs) == 0 && d.ended:
			return nil, nil
		}
		a.spawn()
		a.walker.Wait()
	}
}

// used says that a run was visited.
func (a *ahead) used(r *run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks -= len(r.keys)
	r.of.runs = r.of.runs[1:]
	a.spawn()
}

// drop gives a folder up, which may be nil; folders below it that were not visited go too.
func (a *ahead) drop(d *folder) {
	if d == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(d)
}

func (a *ahead) forget(d *folder) {
	if d == nil || d.dropped {
		return
	}
	d.dropped = true
	a.listed -= d.counted
	d.counted = 0
	for _, r := range d.runs {
		a.looks -= len(r.keys)
		for _, below := range r.below {
			a.forget(below)
		}
	}
	d.free(a)
	a.room.Broadcast() // its listing may be held back
}

// free gives back what a folder holds, unless a goroutine still uses it: the last does.
func (d *folder) free(a *ahead) {
	if d.claims > 0 {
		return
	}
	if d.names != nil && (d.dropped || a.over) {
		d.names.close()
		d.names = nil
	}
	if d.dir != nil && (d.dropped || a.over || d.ended && d.open() == nil) {
		_ = d.dir.Close() // only read
		d.dir = nil
		a.kept--
	}
}

// push queues a folder, unless it is queued or has nothing to do.
func (a *ahead) push(d *folder, key string) {
	if d.queued || d.dropped || d.ended || d.listing {
		return
	}
	d.queued, d.key = true, key
	heap.Push(&a.todo, d)
}

// pop takes the first folder out of the queue.
func (a *ahead) pop() {
	if d, ok := heap.Pop(&a.todo).(*folder); ok {
		d.queued = false
	}
}

// head returns the first folder of the queue if something of it may be done now. What
// the walk waits for is the first that is not done, so it is never held back.
func (a *ahead) head() *folder {
	for len(a.todo) > 0 && a.todo[0].dropped {
		a.pop()
	}
	if len(a.todo) == 0 {
		return nil
	}
	d := a.todo[0]
	if d.dir == nil && a.waits != d && a.kept+a.opening >= maxOpen {
		return nil
	}
	switch {
	case !d.listed && (d.begun || a.listed < maxListed),
		d.listed && (d.open() != nil || a.looks < maxLooks || a.waits == d && len(d.runs) == 0):
		return d
	}
	return nil
}

// spawn begins a worker if there is something to do and one more call may be in flight.
func (a *ahead) spawn() {
	if a.over || a.err != nil || a.active >= a.pace.Limit() || a.head() == nil {
		return
	}
	a.active++
	a.done.Go(a.work)
}

// work makes calls until nothing may be done.
func (a *ahead) work() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.over && a.active <= a.pace.Limit() {
		d, r, from, to := a.take()
		if d == nil {
			break
		}
		a.spawn()
		full := a.active >= a.pace.Limit()
		calls, took := a.call(d, r, from, to)
		a.pace.Took(time.Now(), calls, took, full)
		d.claims--
		d.free(a)
		if a.waits == d && (r == nil || len(d.runs) > 0 && d.runs[0] == r && r.looked == len(r.keys)) {
			a.walker.Signal()
		}
	}
	a.active--
	a.spawn()
}

// take claims what is next: a folder to list, or some entries of a run to look at.
func (a *ahead) take() (d *folder, r *run, from, to int) {
	for a.err == nil {
		if d = a.head(); d == nil {
			break
		}
		if !d.listed {
			a.pop()
			d.listing = true
			d.claims++
			return d, nil, 0, 0
		}
		if r = d.open(); r == nil {
			a.plan(d)
			continue
		}
		from = r.claimed
		to = from + a.pace.Chunk(len(r.keys)-from)
		if d.dir == nil { // it is opened for these alone
			to = min(from+keysAtOnce/8, len(r.keys))
		}
		r.claimed = to
		d.claims++
		if to == len(r.keys) {
			a.pop()
			a.push(d, d.rel+behind(r.keys[to-1]))
		}
		return d, r, from, to
	}
	return nil, nil, 0, 0
}

// behind is a key's end: what lies below it comes before, what comes after it does not.
func behind(key string) string {
	if name, ok := strings.CutSuffix(key, "/"); ok {
		return name + string(rune('/'+1))
	}
	return key
}

// plan begins the next run of the first folder of the queue.
func (a *ahead) plan(d *folder) {
	a.pop()
	r, err := d.plan(a.src.prefix)
	if err != nil {
		a.err = err
	}
	if r == nil {
		d.free(a)
		a.walker.Broadcast()
		return
	}
	a.src.judge(r)
	a.looks += len(r.keys)
	d.queued, d.key = true, d.rel+r.keys[0]
	heap.Push(&a.todo, d)
	for _, below := range r.below {
		if below != nil {
			a.push(below, below.rel)
		}
	}
}

// call makes the calls that were claimed, without the lock, and reports how many they
// were and how long they took.
func (a *ahead) call(d *folder, r *run, from, to int) (calls int, took time.Duration) {
	dir, links := d.dir, d.links
	if dir == nil {
		a.opening++
		defer func() { a.opening-- }() // under the lock again
	}
	a.mu.Unlock()
	began := time.Now()
	if r == nil {
		l := a.src.listing(d, a)
		took = time.Since(began) - l.paused
		a.mu.Lock()
		a.keep(d, l)
		return listCalls, took
	}
	a.src.looks(r, from, to, dir, links)
	took = time.Since(began)
	a.mu.Lock()
	r.looked += to - from
	return to - from, took
}

// listCalls is how many calls a listing is: open, two to read, and the look at its volume.
const listCalls = 4

// listing is what listing a folder gave.
type listing struct {
	names  *children
	count  int
	dir    vfs.Dir
	links  bool
	shut   string // the rule that leaves the content out
	err    error
	paused time.Duration
}

// listing reads a folder's names.
func (s *Source) listing(d *folder, a *ahead) (l listing) {
	l.names = &children{spill: s.spill, max: cmp.Or(s.keys, maxKeys)}
	if l.dir, l.err = s.tree.OpenDir(strings.TrimSuffix(d.rel, "/")); l.err != nil {
		return l
	}
	var mark string
	if mark, l.shut, l.err = s.enter(d.rel, l.dir); l.err != nil || l.shut != "" && mark == "" {
		return l
	}
	l.err = l.dir.Names(func(name string, isDir bool) error {
		if l.shut != "" && name != mark {
			return nil
		}
		if isDir {
			name += "/"
		}
		if l.count++; l.count%noteNames == 0 {
			paused, err := a.note(d, noteNames)
			l.paused += paused
			if err != nil {
				return err
			}
		}
		return l.names.add(name)
	})
	if l.err == nil {
		l.names.sort()
		l.links = believeLinks(l.dir.Volume())
	}
	return l
}

// note counts names of a listing. One that the walk does not need yet waits while there
// are too many; the others may use its place meanwhile.
func (a *ahead) note(d *folder, n int) (paused time.Duration, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(d, n)
	if began := time.Now(); a.held(d) {
		a.active--
		a.spawn()
		for a.held(d) {
			a.room.Wait()
		}
		a.active++
		paused = time.Since(began)
	}
	if a.over || d.dropped {
		return paused, context.Canceled
	}
	return paused, nil
}

func (a *ahead) held(d *folder) bool {
	return a.listed >= maxListed && !d.begun && !d.dropped && !a.over
}

func (a *ahead) count(d *folder, n int) {
	if !d.begun && !d.dropped {
		a.listed += n
		d.counted += n
	}
}

// keep takes over what a listing gave.
func (a *ahead) keep(d *folder, l listing) {
	d.listing, d.listed, d.err, d.links = false, true, l.err, l.links
	if l.err != nil {
		l.names.close()
		if l.dir != nil {
			_ = l.dir.Close()
		}
		d.ended = true
		return
	}
	a.count(d, 1+l.count%noteNames)
	d.shut, d.empty = l.shut, l.count == 0 && l.shut == ""
	d.names = l.names
	if a.kept < maxKept {
		d.dir = l.dir
		a.kept++
	} else {
		_ = l.dir.Close()
	}
	if d.ended = l.count == 0; !d.ended {
		a.push(d, d.rel)
	}
}

// looks describes some entries of a run. The folder is opened if it is not.
func (s *Source) looks(r *run, from, to int, dir vfs.Dir, links bool) {
	var err error
	if dir == nil {
		if dir, err = s.tree.OpenDir(strings.TrimSuffix(r.of.rel, "/")); err == nil {
			defer dir.Close()
		}
	}
	for i := from; i < to; i++ {
		if r.items[i] != nil { // left out
			continue
		}
		if r.items[i] = s.look(r.of.rel, r.keys[i], dir, err, vfs.Dir.Stat); !links {
			r.items[i].nlink = 1
		}
		r.items[i] = s.sift(r.items[i], r, i)
	}
}
