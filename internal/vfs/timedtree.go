package vfs

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ErrNoAnswer: a call on a tree was not answered in time, or would not be now.
var ErrNoAnswer = errors.New("the source does not answer")

// ErrStopped: a call was not waited for any longer, as nobody wants its answer.
var ErrStopped = errors.New("reading the source was stopped")

// mostStuck bounds the calls that nobody waits for any more; each takes a thread and up to
// readPiece of memory. A tree with so many makes no further call.
const mostStuck = 64

// Timed is a Tree whose calls end: one that takes longer than timeout fails with
// ErrNoAnswer, and one that has not ended when stopped is closed with ErrStopped. The call
// itself may stay in the system, which no program can take back; its answer is thrown away.
// Of folders on a local file system only the opening is waited for in this way: their calls
// end, or nothing helps, and must not cost more.
func Timed(tree Tree, timeout time.Duration, stopped <-chan struct{}) Tree {
	return &timedTree{Tree: tree, timed: &timed{timeout: timeout, stopped: stopped, stuck: map[string]int{}}, root: &timedUse{}}
}

// timed is what the calls on one tree have in common.
type timed struct {
	timeout time.Duration
	stopped <-chan struct{}

	mu    sync.Mutex
	count int            // of stuck
	stuck map[string]int // calls that nobody waits for, by path
}

// refuse says why no call about a path is to be made; "" is the tree itself.
func (t *timed) refuse(path string) error {
	select {
	case <-t.stopped:
		return ErrStopped
	default:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.count >= mostStuck:
		return fmt.Errorf("%w: %d calls have had no answer within %s", ErrNoAnswer, t.count, t.timeout)
	case path != "" && t.stuck[path] > 0:
		return t.late()
	}
	return nil
}

func (t *timed) late() error { return fmt.Errorf("%w within %s", ErrNoAnswer, t.timeout) }

// abandon and returned count calls that are stuck.
func (t *timed) abandon(path string, by int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += by
	if t.stuck[path] += by; t.stuck[path] == 0 {
		delete(t.stuck, path)
	}
}

// answer is what one call gave.
type answer[T any] struct {
	value T
	err   error
}

// within makes one call about a path and waits for it. use is held until the call is over;
// late takes what comes when nobody waits for it; nil is allowed.
func within[T any](t *timed, path string, use *timedUse, call func() (T, error), late func(T)) (none T, err error) {
	if err := t.refuse(path); err != nil {
		return none, err
	}
	if !use.begin() {
		return none, errors.New("it is closed")
	}
	got := make(chan answer[T])
	left := make(chan struct{})
	go func() {
		defer use.end()
		v, err := call()
		select {
		case got <- answer[T]{v, err}:
		case <-left:
			if err == nil && late != nil {
				late(v)
			}
			t.abandon(path, -1)
		}
	}()
	timer := time.NewTimer(t.timeout)
	defer timer.Stop()
	select {
	case a := <-got:
		return a.value, a.err
	case <-timer.C:
		err = t.late()
	case <-t.stopped:
		err = ErrStopped
	}
	t.abandon(path, 1)
	close(left)
	return none, err
}

// timedUse closes a thing when it was closed and no call uses it any more.
type timedUse struct {
	mu     sync.Mutex
	calls  int
	closed bool
	close  func() error
}

func (u *timedUse) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.calls++
	return true
}

func (u *timedUse) end() {
	u.mu.Lock()
	u.calls--
	last := u.closed && u.calls == 0
	u.mu.Unlock()
	if last {
		_ = u.close() // only read
	}
}

// shut closes, now or after the last call. The closing itself is a call that may hang.
func (u *timedUse) shut(t *timed) error {
	u.mu.Lock()
	now := !u.closed && u.calls == 0
	u.closed = true
	u.mu.Unlock()
	if !now {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- u.close() }()
	timer := time.NewTimer(t.timeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return t.late()
	case <-t.stopped:
		return ErrStopped
	}
}

type timedTree struct {
	Tree
	*timed
	root *timedUse
}

func (t *timedTree) Check() (bool, error) {
	return within(t.timed, "", t.root, t.Tree.Check, nil)
}

func (t *timedTree) Close() error {
	t.root.close = t.Tree.Close
	return t.root.shut(t.timed)
}

// opened is a folder, and what lies on it.
type opened struct {
	dir    Dir
	volume Volume
}

func (t *timedTree) OpenDir(path string) (Dir, error) {
	o, err := within(t.timed, path, t.root, func() (opened, error) {
		d, err := t.Tree.OpenDir(path)
		if err != nil {
			return opened{}, err
		}
		return opened{d, d.Volume()}, nil
	}, func(o opened) { _ = o.dir.Close() })
	if err != nil || !o.volume.Remote {
		return o.dir, err
	}
	if path != "" {
		path += "/"
	}
	return &timedDir{timed: t.timed, path: path, opened: o, use: &timedUse{close: o.dir.Close}}, nil
}

type timedDir struct {
	*timed
	path string // with a slash at its end, or empty
	opened
	use *timedUse
}

func (d *timedDir) Volume() Volume { return d.volume }
func (d *timedDir) Close() error   { return d.use.shut(d.timed) }

func (d *timedDir) Stat(name string) (Info, error) {
	return within(d.timed, d.path+name, d.use, func() (Info, error) { return d.dir.Stat(name) }, nil)
}

func (d *timedDir) StatFresh(name string) (Info, error) {
	return within(d.timed, d.path+name, d.use, func() (Info, error) { return d.dir.StatFresh(name) }, nil)
}

func (d *timedDir) Readlink(name string, max int) (string, error) {
	return within(d.timed, d.path+name, d.use, func() (string, error) { return d.dir.Readlink(name, max) }, nil)
}

func (d *timedDir) Open(name string) (TreeFile, error) {
	f, err := within(d.timed, d.path+name, d.use, func() (TreeFile, error) { return d.dir.Open(name) }, func(f TreeFile) { _ = f.Close() })
	if err != nil {
		return nil, err
	}
	return &timedFile{timed: d.timed, path: d.path + name, file: f, use: &timedUse{close: f.Close}}, nil
}

func (d *timedDir) Attributes(name string) Attributes {
	return timedAttributes{d.timed, d.path + name, d.use, d.dir.Attributes(name)}
}

// namesAtOnce is how many names of a folder are handed over at once.
const namesAtOnce = 128

type namedEntry struct {
	name string
	dir  bool
}

// Names waits for each batch of names, not for the whole folder.
func (d *timedDir) Names(f func(name string, dir bool) error) error {
	next := make(chan []namedEntry)
	over := make(chan struct{})
	defer close(over)
	ended := make(chan error, 1)
	if !d.use.begin() {
		return errors.New("it is closed")
	}
	go func() {
		defer d.use.end()
		ended <- sendNames(d.dir, next, over)
	}()
	for {
		batch, err := within(d.timed, d.path, &timedUse{}, func() ([]namedEntry, error) {
			select {
			case b := <-next:
				return b, nil
			case err := <-ended:
				return nil, endOfNames{err}
			}
		}, nil)
		var end endOfNames
		switch {
		case errors.As(err, &end):
			return end.err
		case err != nil:
			return err
		}
		for _, e := range batch {
			if err := f(e.name, e.dir); err != nil {
				return err
			}
		}
	}
}

// endOfNames ends a listing, with the listing's error or without.
type endOfNames struct{ err error }

func (endOfNames) Error() string { return "the names have ended" }

// sendNames hands a folder's names over until over is closed.
func sendNames(dir Dir, next chan<- []namedEntry, over <-chan struct{}) error {
	var batch []namedEntry
	send := func() error {
		select {
		case next <- batch:
			batch = nil
			return nil
		case <-over:
			return ErrStopped
		}
	}
	err := dir.Names(func(name string, isDir bool) error {
		if batch = append(batch, namedEntry{strings.Clone(name), isDir}); len(batch) < namesAtOnce {
			return nil
		}
		return send()
	})
	if err == nil && len(batch) > 0 {
		err = send()
	}
	return err
}

type timedFile struct {
	*timed
	path string
	file TreeFile
	use  *timedUse
}

func (f *timedFile) Close() error  { return f.use.shut(f.timed) }
func (f *timedFile) Written() bool { return f.file.Written() }

func (f *timedFile) Attributes() Attributes {
	return timedAttributes{f.timed, f.path, f.use, f.file.Attributes()}
}

func (f *timedFile) Stat() (Info, error) {
	return within(f.timed, f.path, f.use, f.file.Stat, nil)
}

func (f *timedFile) Data(off, size int64) (from, to int64) {
	type run struct{ from, to int64 }
	r, err := within(f.timed, f.path, f.use, func() (run, error) {
		from, to := f.file.Data(off, size)
		return run{from, to}, nil
	}, nil)
	if err != nil {
		return off, size
	}
	return r.from, r.to
}

// readInto reads into room of its own, so that a call that nobody waits for any more
// writes into nobody's memory.
func (f *timedFile) readInto(p []byte, off int64, read func(p []byte, off int64) (int, error)) (int, error) {
	type part struct {
		b   []byte
		n   int
		err error // comes with content
	}
	got, err := within(f.timed, f.path, f.use, func() (part, error) {
		b := roomFor(len(p))
		n, err := read(b, off)
		return part{b, n, err}, nil
	}, nil)
	if err != nil {
		return 0, err
	}
	n := copy(p, got.b[:got.n])
	giveBack(got.b)
	return n, got.err
}

func (f *timedFile) ReadSome(p []byte, off int64) (int, error) {
	return f.readInto(p[:min(len(p), 8*readPiece)], off, f.file.ReadSome)
}

const (
	readPiece   = 256 << 10 // of a long read, that is a request
	readsAtOnce = 8         // of one file
)

// ReadAt makes several requests of a long read at once: each may take long.
func (f *timedFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := f.readSeveral(p[done:min(len(p), done+readsAtOnce*readPiece)], off+int64(done))
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// readSeveral fills p or gives what comes before the first piece that could not be filled.
func (f *timedFile) readSeveral(p []byte, off int64) (int, error) {
	if len(p) <= readPiece {
		return f.readInto(p, off, f.file.ReadAt)
	}
	pieces := (len(p) + readPiece - 1) / readPiece
	ns, errs := make([]int, pieces), make([]error, pieces)
	var wg sync.WaitGroup
	for i := range pieces {
		wg.Go(func() {
			from := i * readPiece
			ns[i], errs[i] = f.readInto(p[from:min(len(p), from+readPiece)], off+int64(from), f.file.ReadAt)
		})
	}
	wg.Wait()
	done := 0
	for i, n := range ns {
		done += n
		if errs[i] != nil {
			return done, errs[i]
		}
		if n < min(len(p)-i*readPiece, readPiece) {
			return done, io.EOF
		}
	}
	return done, nil
}

var readRooms = sync.Pool{New: func() any { b := make([]byte, readPiece); return &b }}

// roomFor is room for n bytes, in the pool where it fits well.
func roomFor(n int) []byte {
	if n > readPiece || n < readPiece/8 {
		return make([]byte, n)
	}
	if b, ok := readRooms.Get().(*[]byte); ok {
		return (*b)[:n]
	}
	return make([]byte, n)
}

func giveBack(b []byte) {
	if cap(b) == readPiece {
		b = b[:readPiece]
		readRooms.Put(&b)
	}
}

type timedAttributes struct {
	*timed
	path  string
	use   *timedUse
	inner Attributes
}

// read makes a call that fills room of its own.
func (a timedAttributes) read(dest []byte, call func(dest []byte) (int, error)) (int, error) {
	b := make([]byte, len(dest))
	n, err := within(a.timed, a.path, a.use, func() (int, error) { return call(b) }, nil)
	if err == nil {
		copy(dest, b)
	}
	return n, err
}

func (a timedAttributes) List(dest []byte) (int, error) { return a.read(dest, a.inner.List) }

func (a timedAttributes) Get(name string, dest []byte) (int, error) {
	return a.read(dest, func(b []byte) (int, error) { return a.inner.Get(name, b) })
}
