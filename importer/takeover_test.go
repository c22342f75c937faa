package importer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/receipt/sign"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// freezing stops at a call as a stopped process does, before it is sent or before its
// answer is read, with all calls after it, until it is thawed.
type freezing struct {
	*fakeTarget
	at     int  // the call, from 1
	after  bool // the call has its effect
	mu     sync.Mutex
	calls  int
	key    string        // of the call, where it is a read
	frozen chan struct{} // closed at the call
	thaw   chan struct{}
}

func newFreezing(f *fakeTarget, at int, after bool) *freezing {
	return &freezing{fakeTarget: f, at: at, after: after, frozen: make(chan struct{}), thaw: make(chan struct{})}
}

// around makes one call; a call after the frozen one is frozen before it.
func (z *freezing) around(f func()) { z.aroundKey("", f) }

func (z *freezing) aroundKey(key string, f func()) {
	z.mu.Lock()
	z.calls++
	n := z.calls
	if n == z.at {
		z.key = key
		if z.after {
			f()
		}
		close(z.frozen)
	}
	z.mu.Unlock()
	if n >= z.at {
		<-z.thaw
	}
	if n != z.at || !z.after {
		f()
	}
}

func (z *freezing) Put(ctx context.Context, in target.PutRequest) (s target.Stored, err error) {
	z.around(func() { s, err = z.fakeTarget.Put(ctx, in) })
	return s, err
}

func (z *freezing) CreateUpload(ctx context.Context, in target.CreateRequest) (id string, err error) {
	z.around(func() { id, err = z.fakeTarget.CreateUpload(ctx, in) })
	return id, err
}

func (z *freezing) UploadPart(ctx context.Context, in target.PartRequest) (etag string, err error) {
	z.around(func() { etag, err = z.fakeTarget.UploadPart(ctx, in) })
	return etag, err
}

func (z *freezing) CompleteUpload(ctx context.Context, in target.CompleteRequest) (s target.Stored, err error) {
	z.around(func() { s, err = z.fakeTarget.CompleteUpload(ctx, in) })
	return s, err
}

func (z *freezing) Head(ctx context.Context, key string) (o target.Object, err error) {
	z.around(func() { o, err = z.fakeTarget.Head(ctx, key) })
	return o, err
}

// ended is how a run ended, with its folder.
type ended struct {
	res *Result
	err error
}

func startIn(s entry.Source, target target.Target, state *Folder) chan ended {
	end := make(chan ended, 1)
	go func() {
		res, err := Run(context.Background(), s, target, testOptions(nil, state))
		end <- ended{res, errors.Join(err, state.Close())}
	}()
	return end
}

// TestTakeOverFrozen takes a run over that is frozen at each of its calls, before and
// after the call has its effect. When it wakes it finds itself replaced, and what it
// still sends does no harm.
func TestTakeOverFrozen(t *testing.T) {
	s := mixed()
	total := newFreezing(newFake(t), 0, false)
	close(total.thaw)
	mustRun(t, s, total, testOptions(nil, memDisk()))
	frozen := 0
	for n := 1; n < total.calls; n++ { // the last one is of the marker, when all has ended
		if testing.Short() && n%5 != 0 {
			continue
		}
		for _, after := range []bool{false, true} {
			for _, early := range []bool{false, true} { // the first wakes while the second is at work
				frozen += takeOverAt(t, s, n, after, early)
			}
			if t.Failed() {
				t.Fatalf("frozen at call %d, applied %v", n, after)
			}
		}
	}
	t.Logf("figure: taken over %d times from a process that was frozen at one of %d calls", frozen, total.calls)
}

func takeOverAt(t *testing.T, s *fakeSource, n int, after, early bool) int {
	t.Helper()
	dir := t.TempDir()
	f := newFake(t)
	f.twoWriters = true // a call before the frozen one may still be on its way
	z := newFreezing(f, n, after)
	state, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := startIn(s, z, state)
	select {
	case <-z.frozen:
	case <-first: // workers took another order, with fewer calls
		return 0
	}
	if _, err := OpenState(dir); !target.HasCode(err, target.CodeStateLocked) {
		t.Errorf("a start beside a frozen process: %v", err)
	}
	taken, err := TakeOver(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if taken.Taken() == 0 || taken.Path() == dir {
		t.Errorf("the state is in %s", taken.Path())
	}
	second := startIn(s, f, taken)
	if early {
		close(z.thaw)
	}
	end := <-second
	if !early {
		close(z.thaw)
	}
	if end.err != nil || !end.res.Complete || end.res.Attempt != 2 || end.res.RunID != "run-1.2" {
		t.Fatalf("the second process: %v, %+v", end.err, end.res)
	}
	if was := <-first; !target.HasCode(was.err, target.CodeTakenOver) {
		t.Errorf("the first process, once awake: %v, %+v", was.err, was.res)
	}
	f.check(t, s, "in/")
	wantReceipts(t, dir, end.res, total(t, taken.Path(), end.res))
	return 1
}

// total reads the signed total of a run that has ended.
func total(t *testing.T, folder string, res *Result) (r receipt.Total) {
	t.Helper()
	env, err := os.ReadFile(filepath.Join(folder, res.Receipts, sign.TotalName))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &r, testKey.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	return r
}

// wantReceipts: the second's receipts stand under a name of their own, the first has none.
func wantReceipts(t *testing.T, dir string, res *Result, r receipt.Total) {
	t.Helper()
	if !receipt.NamesRun(r.Run, res.RunID) || !r.Complete {
		t.Errorf("receipts %+v", r)
	}
	if _, err := os.Stat(filepath.Join(dir, receiptsFolder, sign.TotalName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first process has signed receipts: %v", err)
	}
}

// TestTakeOverAlive: a process that is alive sees the lease and ends by itself, and
// the second goes on in the same folder, under the same name.
func TestTakeOverAlive(t *testing.T) {
	s, f, dir := mixed(), newFake(t), t.TempDir()
	f.twoWriters = true
	z := newFreezing(f, 25, false)
	state, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := startIn(s, z, state)
	<-z.frozen
	time.AfterFunc(200*time.Millisecond, func() { close(z.thaw) })
	taken, err := TakeOver(t.Context(), dir, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if was := <-first; !target.HasCode(was.err, target.CodeTakenOver) {
		t.Errorf("the first process: %v, %+v", was.err, was.res)
	}
	end := <-startIn(s, f, taken)
	if end.err != nil || !end.res.Complete || end.res.Attempt != 1 || taken.Taken() != 0 || taken.Path() != dir {
		t.Errorf("the second process: %v, %+v", end.err, end.res)
	}
	f.check(t, s, "in/")
}

// TestTakeOverAgain: later starts find the state where the last takeover has put it,
// however many there were, also while the first process is still frozen.
func TestTakeOverAgain(t *testing.T) {
	s, f, dir := mixed(), newFake(t), t.TempDir()
	f.twoWriters = true
	var waking []chan ended
	thaw := make(chan struct{})
	for n := 1; n <= 4; n++ {
		open := func() (*Folder, error) { return TakeOver(t.Context(), dir, 0) }
		if n == 1 {
			open = func() (*Folder, error) { return OpenState(dir) }
		}
		state, err := open()
		if err != nil {
			t.Fatal(err)
		}
		z := newFreezing(f, 20, n%2 == 0)
		z.thaw = thaw
		waking = append(waking, startIn(s, z, state))
		<-z.frozen
	}
	last, err := TakeOver(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	end := <-startIn(s, f, last)
	if end.err != nil || !end.res.Complete || end.res.Attempt != 5 {
		t.Fatalf("the last process: %v, %+v", end.err, end.res)
	}
	state, err := OpenState(dir) // its end is known to a plain start
	if err != nil {
		t.Fatal(err)
	}
	if again := <-startIn(s, f, state); again.err != nil || !again.res.Earlier || state.Path() != last.Path() {
		t.Errorf("a plain start: %v, %+v", again.err, again.res)
	}
	if at, err := StateHome(dir); err != nil || at != last.Path() {
		t.Errorf("the state is in %s, %v", at, err)
	}
	close(thaw)
	for _, w := range waking {
		if was := <-w; !target.HasCode(was.err, target.CodeTakenOver) {
			t.Errorf("one that was replaced: %v", was.err)
		}
	}
	f.check(t, s, "in/")
}

// TestTakeOverFinished: what has ended is not begun again, nor signed again.
func TestTakeOverFinished(t *testing.T) {
	s, f, dir := mixed(), newFake(t), t.TempDir()
	state, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	mustRun(t, s, f, testOptions(t, state))
	taken, err := TakeOver(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	changes := f.changes()
	end := <-startIn(s, f, taken)
	if end.err != nil || !end.res.Earlier || end.res.RunID != "run-1" || f.changes() != changes {
		t.Errorf("%v, %+v", end.err, end.res)
	}
	total(t, taken.Path(), end.res)
}

// TestTakeOverCrash takes the power at each operation of a copy: the next takeover
// finds the state where it was.
func TestTakeOverCrash(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	z := newFreezing(f, 30, false)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		Run(ctx, s, z, testOptions(nil, disk))
	}()
	<-z.frozen
	still := disk.CrashClone(newRand(1), 100)
	cancel()
	close(z.thaw)
	<-gone
	for n := int64(1); ; n++ {
		copied := still.CrashClone(newRand(n), 100)
		copied.OnOp(func(op vfs.Op) error {
			if op.N == n {
				copied.Halt()
			}
			return nil
		})
		err := copyState(t.Context(), copied, "", takenName(2))
		if copied.Ops() < n {
			if err != nil || n < 15 {
				t.Errorf("%d operations: %v", n, err)
			}
			t.Logf("figure: a copy of the state was cut off at each of %d operations", n-1)
			return
		}
		after := copied.CrashClone(newRand(n), 50)
		if err := copyState(t.Context(), after, "", takenName(3)); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
	}
}

// TestTakeOverInterrupted: an operator does not wait for a takeover that he gives up.
func TestTakeOverInterrupted(t *testing.T) {
	dir := t.TempDir()
	holder, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := TakeOver(ctx, dir, time.Hour); !errors.Is(err, context.Canceled) || f != nil {
		t.Errorf("%v, %v", f, err)
	}
}
