package fetch

import (
	"context"
	"sync"
	"time"

	"github.com/sledge-io/sledge/appliance/pace"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

const (
	// MaxFile is the size in bytes up to which a file is read ahead whole.
	MaxFile = 1 << 20
	// MaxBytes bounds the content of files that were read and not taken yet.
	MaxBytes = 24 << 20

	callsOfFile  = 5 // open, read, look, attributes, close
	callsOfEntry = 2
)

// Fetcher reads entries in the order in which it is asked for them. Its methods may be called
// from many goroutines.
type Fetcher struct {
	src  *scan.Source
	most int  // entries that are being read: each has up to two files open
	all  bool // also where the source answers soon

	mu     sync.Mutex
	taken  *sync.Cond // of mu: an entry was read, or nothing more is
	pace   pace.Pace
	todo   []*entry // what was not begun
	last   *scan.Folder
	bytes  int64
	active int
	over   bool
	done   sync.WaitGroup
}

// entry is one that is read ahead.
type entry struct {
	item   *scan.Item
	folder *scan.Folder
	ended  bool
	got    *scan.Fetched // nil where it is to be read another way
}

// New makes a fetcher that holds so many files open at most. p is where its number of calls
// begins; pinned says that somebody chose that. Close it.
func New(src *scan.Source, p pace.Pace, pinned bool, files int) *Fetcher {
	f := &Fetcher{src: src, pace: p, most: files / 2, all: pinned && p.Limit() > 1}
	f.taken = sync.NewCond(&f.mu)
	return f
}

// Run is a run of entries that were asked for together; nil has none.
type Run struct {
	f       *Fetcher
	ctx     context.Context
	entries []entry
}

// Ask has entries read ahead and does not wait for them. It returns nil where the source
// answers so soon that it does not pay. Every entry of a run must be taken, or the run dropped.
func (f *Fetcher) Ask(ctx context.Context, items []*scan.Item) *Run {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || f.most < 1 || !f.all && !f.pace.Slow() {
		return nil
	}
	r := &Run{f: f, ctx: ctx, entries: make([]entry, len(items))}
	for i, it := range items {
		e := &r.entries[i]
		if e.item = it; !wanted(it) {
			e.ended = true
			continue
		}
		f.last = f.src.Folder(f.last, it)
		e.folder = f.last
		f.todo = append(f.todo, e)
	}
	f.spawn(ctx)
	return r
}

// wanted reports whether an entry is one that is read ahead. What a file on the device is
// compared with is read by whoever compares.
func wanted(it *scan.Item) bool {
	switch it.Kind {
	case manifest.KindFile:
		return it.Size <= MaxFile && it.Prior == nil
	case manifest.KindDir, manifest.KindSymlink:
		return true
	}
	return false
}

// Answered says how long one call took that somebody else made on the source.
func (f *Fetcher) Answered(took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pace.Took(time.Now(), 1, took, false)
}

// Take waits for the i-th entry. Nil is one that is to be read as if nobody had tried. The
// content is the caller's until Done.
func (r *Run) Take(i int) *scan.Fetched {
	if r == nil {
		return nil
	}
	f, e := r.f, &r.entries[i]
	f.mu.Lock()
	defer f.mu.Unlock()
	for !e.ended && !f.over {
		f.taken.Wait()
	}
	if !e.ended {
		return nil
	}
	return e.got
}

// Done gives back what Take gave.
func (r *Run) Done(i int) {
	if r == nil {
		return
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.entries[i].got == nil {
		return
	}
	r.f.bytes -= room(r.entries[i].item)
	r.entries[i].got = nil
	r.f.spawn(r.ctx)
}

// room is what the content of an entry may take.
func room(it *scan.Item) int64 {
	if it.Kind == manifest.KindFile {
		return it.Size + 1
	}
	return 0
}

// next is the first entry that was not begun, if it may be.
func (f *Fetcher) next() *entry {
	if f.over || len(f.todo) == 0 || f.bytes > 0 && f.bytes+room(f.todo[0].item) > MaxBytes {
		return nil
	}
	return f.todo[0]
}

func (f *Fetcher) limit() int { return min(f.pace.Limit(), f.most) }

// spawn begins a goroutine if there is something to do and one more call may be in flight.
func (f *Fetcher) spawn(ctx context.Context) {
	if f.active >= f.limit() || f.next() == nil {
		return
	}
	f.active++
	f.done.Go(func() { f.work(ctx) })
}

// work reads entries until nothing may be done.
func (f *Fetcher) work(ctx context.Context) {
	var x scan.XattrReader
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.active <= f.limit() {
		e := f.next()
		if e == nil {
			break
		}
		f.todo[0] = nil
		f.todo = f.todo[1:]
		f.bytes += room(e.item)
		f.spawn(ctx)
		full := f.active >= f.limit()
		f.mu.Unlock()
		began := time.Now()
		got, calls := e.read(ctx, &x)
		took := time.Since(began)
		f.mu.Lock()
		f.pace.Took(time.Now(), calls, took, full)
		if e.got, e.ended = got, true; got == nil {
			f.bytes -= room(e.item)
		}
		f.taken.Broadcast()
	}
	f.active--
	f.spawn(ctx)
}

// read reads an entry and reports how many calls that took about. Why one could not be read
// finds out who reads it another way.
func (e *entry) read(ctx context.Context, x *scan.XattrReader) (got *scan.Fetched, calls int) {
	defer e.folder.Leave()
	var buf []byte
	calls = callsOfEntry
	if e.item.Kind == manifest.KindFile {
		buf, calls = make([]byte, room(e.item)), callsOfFile
	}
	got, err := e.folder.Fetch(ctx, e.item, buf, x)
	if err != nil {
		return nil, calls
	}
	return got, calls
}

// Stop begins nothing more, and whoever waits is answered.
func (f *Fetcher) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	for _, e := range f.todo {
		e.folder.Leave()
	}
	f.todo = nil
	f.taken.Broadcast()
}

// Close stops and waits for the calls in flight.
func (f *Fetcher) Close() {
	f.Stop()
	f.done.Wait()
}
