package vfs

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Rule says which calls of a Fault go wrong, and how. All conditions that are
// set must hold. The zero value of all that says how means EIO without effect.
// Examples:
//
//	Rule{Op: OpSync, Path: "*.shard", Nth: 3}                third fsync of a shard fails
//	Rule{Op: OpRead, Path: "a/b", Offset: 8192, Length: 512} a bad sector
//	Rule{Op: OpWrite, AfterBytes: 1 << 20, Err: syscall.ENOSPC}
//	Rule{Op: OpRename, Nth: 1, Apply: true}                  done, yet reported as failed
//	Rule{Op: OpWrite, Delay: time.Second}                    a slow disk
//	Rule{Op: OpWrite, Path: "*.shard", Nth: 2, Lost: true}   a lost write
//	Rule{Op: OpWrite, Nth: 5, Shift: 4096}                   a misdirected write
//	Rule{Op: OpRead, Offset: 700, Length: 1, Flip: true}     bit rot
//	Rule{Op: OpSync, Lost: true}                             a cache that lies
//	Rule{Op: OpWrite, AfterBytes: 1 << 20, Zero: true}       a disk that forgets what is over its size
//	Rule{Op: OpWrite, AfterBytes: 1 << 20, Wrap: true}       a disk that begins again at its beginning
type Rule struct {
	Op   OpKind // "" is every operation
	Path string // path.Match pattern; without a slash it matches the last element; "" is every name

	Offset, Length int64 // reads, writes and punches that touch this range; Length 0 is everywhere

	Nth   int // the first matching call that fails, from 1; 0 is the first
	Times int // how many fail from there on; 0 is one if Nth is set, else all

	// AfterBytes lets writes through until so many bytes have been written by
	// matching calls; the write that would pass it is cut short there and fails, or
	// is the first that a silent fault hits.
	AfterBytes int64

	Err   error         // what the call returns; nil is EIO, or no error if Delay is set
	Short bool          // a write stores the first half of its bytes, a read returns them
	Apply bool          // the operation is done, and reported as failed all the same
	Delay time.Duration // sleep before the call

	// Silent faults: the call reports success.
	Lost  bool  // nothing is done
	Shift int64 // a write goes so many bytes further
	Flip  bool  // a read returns, a write stores, one byte with a bit flipped: the first in the rule's range
	Zero  bool  // a write stores zeros
	Wrap  bool  // a write is stored, also over what matching writes stored AfterBytes bytes before
}

func (r *Rule) silent() bool { return r.Lost || r.Shift != 0 || r.Flip || r.Zero || r.Wrap }

// Fault passes calls on to another FS and lets some of them fail by rules. Like a
// real disk it does not roll back: a Sync that fails has not reached the inner
// FS, so over a Mem the bytes can be read until the crash. It may be used from
// many goroutines at once; what "nth" means is then up to their order.
type Fault struct {
	// Sleep serves Rule.Delay; nil is time.Sleep. Set it before use.
	Sleep func(time.Duration)

	inner FS
	mu    sync.Mutex
	rules []*ruleState
}

type ruleState struct {
	Rule
	calls int   // that matched
	fired int   // that failed or were delayed
	bytes int64 // written so far, for AfterBytes
	ring  wrapRing
}

// NewFault wraps inner. Without rules it changes nothing. A pattern that
// path.Match refuses is a programmer's mistake and panics.
func NewFault(inner FS, rules ...Rule) *Fault {
	f := &Fault{inner: inner}
	for _, r := range rules {
		f.Add(r)
	}
	return f
}

// Add adds a rule, the last in order, and returns a function that tells how many
// calls it has hit. The first rule that hits a call decides; delays add up.
func (f *Fault) Add(r Rule) (fired func() int) {
	if _, err := path.Match(r.Path, ""); err != nil {
		panic(fmt.Sprintf("vfs: fault rule %q: %v", r.Path, err))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	state := &ruleState{Rule: r}
	f.rules = append(f.rules, state)
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return state.fired
	}
}

// Clear removes all rules: the disk is well again.
func (f *Fault) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// call is what the rules look at.
type call struct {
	op       OpKind
	name     string
	off, len int64
}

// verdict is what the rules say of one call.
type verdict struct {
	err   error // nil: pass it on
	apply bool
	part  int64 // bytes of a read or write to pass on before the error

	lost  bool
	shift int64
	flip  int64 // the byte of the buffer, from 1; 0 for none
	zero  bool
	wrap  []wrapPiece // what the write is stored over, too
}

func (f *Fault) judge(c call) verdict {
	f.mu.Lock()
	var delay time.Duration
	var v verdict
	for _, r := range f.rules {
		if !r.matches(c) {
			continue
		}
		if r.Wrap {
			if v.wrap = r.ring.write(c, r.AfterBytes); len(v.wrap) > 0 {
				r.fired++
			}
			continue
		}
		hit, part := r.count(c)
		if !hit {
			continue
		}
		r.fired++
		delay += r.Delay
		if r.Delay > 0 && r.Err == nil && !r.Short && !r.Apply && !r.silent() {
			continue
		}
		wrap := v.wrap
		v = r.verdict(c, part)
		v.wrap = wrap
		break
	}
	f.mu.Unlock()
	if delay > 0 {
		if f.Sleep != nil {
			f.Sleep(delay)
		} else {
			time.Sleep(delay)
		}
	}
	return v
}

func (r *ruleState) matches(c call) bool {
	if r.Op != "" && r.Op != c.op {
		return false
	}
	if r.AfterBytes > 0 && c.op != OpWrite || r.silent() && !r.canBeSilent(c.op) {
		return false
	}
	if r.Length > 0 && (c.off >= r.Offset+r.Length || c.off+c.len <= r.Offset) {
		return false
	}
	if r.Path == "" {
		return true
	}
	name := c.name
	if !strings.Contains(r.Path, "/") {
		name = path.Base(name)
	}
	ok, _ := path.Match(r.Path, name) // the pattern was checked by Add
	return ok
}

// canBeSilent: what returns something cannot be lost, only a write can go astray,
// and only bytes can rot.
func (r *Rule) canBeSilent(op OpKind) bool {
	switch op {
	case OpRead:
		return r.Flip && !r.Lost && !r.Zero && !r.Wrap
	case OpWrite:
		return true
	case OpRemove, OpRename, OpLink, OpMkdir, OpSyncDir, OpTruncate, OpSync, OpPunch:
		return r.Lost
	}
	return false
}

// count counts a matching call and tells whether it is one of those to fail, and
// how many of its bytes go through.
func (r *ruleState) count(c call) (hit bool, part int64) {
	if r.AfterBytes > 0 {
		room := r.AfterBytes - r.bytes
		r.bytes += min(c.len, room)
		if c.len <= room {
			return false, 0
		}
		part = room
	}
	r.calls++
	first, times := max(1, r.Nth), r.Times
	if times == 0 && r.Nth > 0 {
		times = 1
	}
	hit = r.calls >= first && (times == 0 || r.calls < first+times)
	return hit, part
}

func (r *ruleState) verdict(c call, part int64) verdict {
	if r.silent() {
		v := verdict{lost: r.Lost, shift: r.Shift, zero: r.Zero}
		if r.Flip && c.len > 0 {
			v.flip = 1 + min(max(0, r.Offset-c.off), c.len-1)
		}
		return v
	}
	v := verdict{apply: r.Apply, part: part}
	if r.Short {
		v.part = c.len / 2
	}
	cause := r.Err
	if cause == nil {
		cause = syscall.EIO
	}
	v.err = &fs.PathError{Op: string(c.op), Path: c.name, Err: cause}
	return v
}

// do runs an operation without a byte count as the rules say.
func (f *Fault) do(op OpKind, name string, fn func() error) error {
	return f.doCall(call{op: op, name: name}, fn)
}

func (f *Fault) doCall(c call, fn func() error) error {
	v := f.judge(c)
	if v.lost {
		return nil
	}
	if v.err == nil {
		return fn()
	}
	if v.apply {
		if err := fn(); err != nil {
			return err
		}
	}
	return v.err
}

// ask is do for an operation that has an answer.
func ask[T any](f *Fault, op OpKind, name string, fn func() (T, error)) (answer T, err error) {
	var none T
	if err := f.do(op, name, func() (err error) {
		answer, err = fn()
		return err
	}); err != nil {
		return none, err
	}
	return answer, nil
}

// file wraps an opened file, or closes it again if the rules say that the
// operation failed after it was done.
func (f *Fault) file(op OpKind, name string, open func() (File, error)) (File, error) {
	var file File
	err := f.do(op, name, func() (err error) {
		file, err = open()
		return err
	})
	if err != nil {
		if file != nil {
			file.Close() // the caller never learns of it
		}
		return nil, err
	}
	return &faultFile{File: file, fault: f, name: name}, nil
}

// Open is FS.Open, by the rules; so are the others.
func (f *Fault) Open(name string, o OpenOptions) (File, error) {
	return f.file(OpOpen, name, func() (File, error) { return f.inner.Open(name, o) })
}

// Create is FS.Create.
func (f *Fault) Create(name string, o CreateOptions) (File, error) {
	return f.file(OpCreate, name, func() (File, error) { return f.inner.Create(name, o) })
}

// Remove is FS.Remove.
func (f *Fault) Remove(name string) error {
	return f.do(OpRemove, name, func() error { return f.inner.Remove(name) })
}

// Rename is FS.Rename; rules look at the old name.
func (f *Fault) Rename(oldname, newname string) error {
	return f.do(OpRename, oldname, func() error { return f.inner.Rename(oldname, newname) })
}

// Link is FS.Link; rules look at the old name.
func (f *Fault) Link(oldname, newname string) error {
	return f.do(OpLink, oldname, func() error { return f.inner.Link(oldname, newname) })
}

// Mkdir is FS.Mkdir.
func (f *Fault) Mkdir(name string, perm fs.FileMode) error {
	return f.do(OpMkdir, name, func() error { return f.inner.Mkdir(name, perm) })
}

// ReadDir is FS.ReadDir.
func (f *Fault) ReadDir(name string) ([]fs.DirEntry, error) {
	return ask(f, OpReadDir, name, func() ([]fs.DirEntry, error) { return f.inner.ReadDir(name) })
}

// Stat is FS.Stat.
func (f *Fault) Stat(name string) (fs.FileInfo, error) {
	return ask(f, OpStat, name, func() (fs.FileInfo, error) { return f.inner.Stat(name) })
}

// SyncDir is FS.SyncDir.
func (f *Fault) SyncDir(name string) error {
	return f.do(OpSyncDir, name, func() error { return f.inner.SyncDir(name) })
}

// Free is FS.Free.
func (f *Fault) Free() (free, total int64, err error) {
	err = f.do(OpFree, ".", func() (err error) {
		free, total, err = f.inner.Free()
		return err
	})
	return free, total, err
}

// Close closes the inner FS if it holds anything.
func (f *Fault) Close() error { return Close(f.inner) }

// faultFile forwards what it does not name (DropCache, Direct) to the inner file.
type faultFile struct {
	File
	fault *Fault
	name  string
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	return f.transfer(OpRead, p, off, f.File.ReadAt)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	return f.transfer(OpWrite, p, off, f.File.WriteAt)
}

// transfer passes on all, none, or the first bytes of a read or write. What is
// passed on of a direct write is cut to whole aligned blocks, as a disk would.
func (f *faultFile) transfer(op OpKind, p []byte, off int64, fn func([]byte, int64) (int, error)) (int, error) {
	v := f.fault.judge(call{op: op, name: f.name, off: off, len: int64(len(p))})
	for _, piece := range v.wrap {
		if err := piece.overwrite(f.fault.inner, p); err != nil {
			return 0, err
		}
	}
	if v.err == nil {
		return v.transfer(op, p, off, fn)
	}
	part := v.part
	if v.apply {
		part = int64(len(p))
	}
	if f.Direct() {
		part -= part % Alignment
	}
	if part == 0 {
		return 0, v.err
	}
	n, err := fn(p[:part], off)
	if err != nil {
		return n, err
	}
	return n, v.err
}

// transfer is a read or write that reports success, be it true or not.
func (v verdict) transfer(op OpKind, p []byte, off int64, fn func([]byte, int64) (int, error)) (int, error) {
	switch {
	case v.lost:
		return len(p), nil
	case v.zero:
		return fn(AlignedBuffer(len(p)), off+v.shift)
	case v.flip == 0 || len(p) == 0:
		return fn(p, off+v.shift)
	case op == OpRead:
		n, err := fn(p, off)
		if int64(n) >= v.flip {
			p[v.flip-1] ^= 1
		}
		return n, err
	}
	rotten := AlignedBuffer(len(p))
	copy(rotten, p)
	rotten[v.flip-1] ^= 1
	return fn(rotten, off+v.shift)
}

func (f *faultFile) Size() (int64, error) { return ask(f.fault, OpSize, f.name, f.File.Size) }

func (f *faultFile) Truncate(size int64) error {
	return f.fault.do(OpTruncate, f.name, func() error { return f.File.Truncate(size) })
}

func (f *faultFile) Sync() error {
	return f.fault.do(OpSync, f.name, f.File.Sync)
}

func (f *faultFile) Punch(off, n int64) error {
	c := call{op: OpPunch, name: f.name, off: off, len: n}
	return f.fault.doCall(c, func() error { return f.File.Punch(off, n) })
}

// Close always closes the inner file; a rule can only make it report an error.
func (f *faultFile) Close() error {
	err := f.File.Close()
	if v := f.fault.judge(call{op: OpClose, name: f.name}); err == nil && v.err != nil {
		err = v.err
	}
	return err
}
