package importer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// halfway runs until a target without rights for one object ends it, with pages done.
func halfway(t *testing.T, s *fakeSource, f *fakeTarget, o Options) {
	t.Helper()
	o.Lanes, o.Concurrency = 1, 1
	f.hook = func(_ int, call, key string) (bool, error) {
		if key == "in/dir/f" && call == "put" {
			return false, target.NewError(target.CodeAccessDenied, "", "", nil)
		}
		return true, nil
	}
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeAccessDenied) {
		t.Fatal(err)
	}
	f.hook = nil
}

// TestMirrorGoesOn: what is done is not sent again on another host, nor read back
// again, and the journal in the target shows neither a secret nor an option.
func TestMirrorGoesOn(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	disk := memDisk()
	o := mirrored(t, disk)
	o.ReadBack = true
	halfway(t, s, f, o)
	pages := 0
	for key, object := range f.objects {
		if strings.Contains(key, JournalPrefix) && (bytes.Contains(object.data, []byte("bucket")) || bytes.Contains(object.data, []byte("host"))) {
			t.Errorf("%s is not encrypted", key)
		}
		if strings.Contains(key, "/pages/") {
			pages++
		}
	}
	if pages == 0 {
		t.Fatal("no page was done")
	}
	sent := map[string]int{}
	gets := map[string]int{}
	f.hook = func(_ int, call, key string) (bool, error) {
		switch {
		case strings.Contains(key, "/.sledge-"):
		case call == "put" || call == "part":
			sent[key]++
		case call == "get":
			gets[key]++
		}
		return true, nil
	}
	o = taking(memDisk())
	o.ReadBack = true
	res := mustRun(t, s, f, o)
	if !res.Complete || res.Attempt != 2 || res.RunID != "run-1.2" || res.Tally.Proofs[entry.ProofReadBack] != 8 {
		t.Errorf("%+v", res)
	}
	for _, key := range []string{"in/a", "in/b.empty", "in/big"} { // of the first page
		if sent[key] > 0 || gets[key] > 0 {
			t.Errorf("%s was sent %d times again and read back %d times again", key, sent[key], gets[key])
		}
	}
	if gets["in/dir/f"] == 0 {
		t.Error("what the other host stored was not read back")
	}
	if left := f.journalKeys(); len(left) > 0 {
		t.Errorf("left of the journal: %q", left)
	}
	f.check(t, s, "in/")
}

// TestMirrorHintsAreAsked: objects that the journal in the target tells of, and that are
// not there any more or are others, are not reported as there.
func TestMirrorHintsAreAsked(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	halfway(t, s, f, mirrored(t, memDisk()))
	delete(f.objects, "in/a")
	f.objects["in/b.empty"] = fakeObject{data: []byte("x"), sha256: target.Encode64(sum([]byte("x"))), kind: "FULL_OBJECT"}
	res := mustRun(t, s, f, taking(memDisk()))
	if res.Tally.Outcomes[entry.OutcomeConflict] != 1 || res.Complete {
		t.Errorf("%+v", res.Tally)
	}
	if string(f.objects["in/a"].data) != "hello" {
		t.Error("what was gone is not there again")
	}
}

// TestMirrorOfAnother: a journal that was copied from another run, prefix or manifest, or
// is of another importer key, is not read, and the run that it is of is not disturbed.
func TestMirrorOfAnother(t *testing.T) {
	soon(t, time.Hour)
	s := mixed()
	for name, change := range map[string]func(*Options){
		"prefix": func(o *Options) { o.Prefix = "out/" },
		"run":    func(o *Options) { o.RunID = "run-2" },
		"key":    func(o *Options) { o.ImporterKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{77}, 32)) },
	} {
		f := newFake(t)
		halfway(t, s, f, mirrored(t, memDisk()))
		o := taking(memDisk())
		change(&o)
		from, to := "in/"+JournalPrefix+"run-1/", o.Prefix+JournalPrefix+o.RunID+"/"
		for key, object := range f.objects {
			if rest, ok := strings.CutPrefix(key, from); ok {
				f.objects[to+rest] = object
			}
		}
		leases := f.leases()
		if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeTargetJournal) {
			t.Errorf("another %s: %v", name, err)
		}
		if f.leases() != leases {
			t.Errorf("another %s: the run was taken from its host", name)
		}
	}
}

// TestMirrorOptions: a host with other options is refused before it takes anything.
func TestMirrorOptions(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	leases := f.leases()
	o := taking(memDisk())
	o.ReadBack = true
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("read-back: %v", err)
	}
	o = testOptions(t, disk) // this one would not see a takeover
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("without the journal in the target: %v", err)
	}
	if f.leases() != leases {
		t.Error("the run was taken from its host")
	}
}

// TestMirrorNeedsConditions: a store that would give one lease to two hosts is refused
// whatever the operator allows, and keeps nothing.
func TestMirrorNeedsConditions(t *testing.T) {
	f := newFake(t)
	f.noConditions = true
	o := mirrored(t, memDisk())
	o.AllowUnconditional = true
	if _, err := Run(context.Background(), mixed(), f, o); !target.HasCode(err, target.CodeNoConditions) {
		t.Error(err)
	}
	if len(f.objects) > 0 {
		t.Errorf("left: %d objects", len(f.objects))
	}
}

// TestMirrorClaim: of several hosts that begin at once one has the run; a claim whose
// answer is lost is known again.
func TestMirrorClaim(t *testing.T) {
	s, f := mixed(), newFake(t)
	f.hook = func(n int, call, key string) (bool, error) {
		if call == "put" && strings.Contains(key, "/leases/") && n%3 != 0 {
			return true, target.Unknown(target.NewError(target.CodeConnectionLost, "", "", nil))
		}
		return true, nil
	}
	var hosts sync.WaitGroup
	ends := make([]ended, 4)
	for i := range ends {
		hosts.Go(func() {
			res, err := Run(context.Background(), s, f, mirrored(nil, memDisk()))
			ends[i] = ended{res, err}
		})
	}
	hosts.Wait()
	won := 0
	for _, end := range ends {
		switch {
		case end.err == nil && end.res.Complete && end.res.Attempt == 1:
			won++
		case !target.HasCode(end.err, target.CodeStateLocked):
			t.Error(end.err)
		}
	}
	if won != 1 || f.leases() != 1 {
		t.Errorf("%d hosts had the run, by %d leases", won, f.leases())
	}
	f.check(t, s, "in/")
}

// TestMirrorAgain: on its own host a run goes on under its own name, and a finished one
// with failures under the next.
func TestMirrorAgain(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	s.broken["dir/c"] = target.NewError(target.CodeSourceLost, "", "", nil)
	halfway(t, s, f, mirrored(t, disk))
	if res := mustRun(t, s, f, mirrored(t, disk)); res.Attempt != 1 || res.Complete {
		t.Errorf("%+v", res)
	}
	delete(s.broken, "dir/c")
	if res := mustRun(t, s, f, mirrored(t, disk)); res.Attempt != 2 || !res.Complete {
		t.Errorf("%+v", res)
	}
	changes := f.changes()
	if res := mustRun(t, s, f, mirrored(t, disk)); !res.Earlier || f.changes() != changes {
		t.Errorf("%+v, after %d changes", res, f.changes()-changes)
	}
	if got := signed(t, disk); len(got) != 2 || got[0] == got[1] {
		t.Errorf("signed %q", got)
	}
	f.check(t, s, "in/")
}

// TestMirrorChain: hosts that freeze one after the other at different calls, and all wake
// at the end, leave nothing and sign under one name each. Their clock stands still where
// nobody waits for it, so that it does not matter how busy the machine is.
func TestMirrorChain(t *testing.T) {
	soon(t, time.Hour)
	for from := 10; from <= 70; from += 12 {
		synctest.Test(t, func(t *testing.T) { mirrorChainFrom(t, from) })
	}
}

func mirrorChainFrom(t *testing.T, from int) {
	t.Helper()
	s, f := mixed(), newFake(t)
	f.twoWriters = true
	var frozen []freezingAll
	var ends []chan ended
	var disks []vfs.FS
	for i := range 4 {
		disk := memDisk()
		z, end, ok := startFrozen(s, f, from+9*i, i%2 == 0, taking(disk))
		if !ok {
			continue
		}
		frozen, ends, disks = append(frozen, z), append(ends, end), append(disks, disk)
	}
	last := memDisk()
	res, err := Run(context.Background(), s, f, taking(last))
	if err != nil || !res.Complete {
		t.Fatalf("from call %d: %v", from, err)
	}
	for _, z := range frozen {
		close(z.thaw)
	}
	names := signed(t, last)
	for i, end := range ends {
		if was := <-end; was.err != nil && !target.HasCode(was.err, target.CodeTakenOver) {
			t.Errorf("from call %d, host %d: %v", from, i, was.err)
		}
		names = append(names, signed(t, disks[i])...)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("signed %q", names)
	}
	f.check(t, s, "in/")
}

// TestMirrorRemoved: a host that finds its own lease gone stops, also where another one
// has made it again.
func TestMirrorRemoved(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	f.twoWriters = true
	disk, other := memDisk(), memDisk()
	z, first, ok := startFrozen(s, f, 40, true, mirrored(nil, disk))
	if !ok {
		t.Fatal("it ended")
	}
	f.mu.Lock()
	for key := range f.objects {
		if strings.Contains(key, JournalPrefix) {
			delete(f.objects, key)
		}
	}
	f.mu.Unlock()
	if res := mustRun(t, s, f, mirrored(nil, other)); !res.Complete {
		t.Errorf("%+v", res)
	}
	close(z.thaw)
	if was := <-first; !target.HasCode(was.err, target.CodeTakenOver) || len(signed(t, disk)) > 0 {
		t.Errorf("the first host: %v, signed %q", was.err, signed(t, disk))
	}
}

// TestMirrorHalts: a run that waits for its operator goes on also where the first thing
// that gets through is its journal.
func TestMirrorHalts(t *testing.T) {
	soon(t, 0)
	for _, call := range []string{"put", "head", "complete", "create"} {
		s, f := mixed(), newFake(t)
		denied := 0
		f.hook = func(_ int, what, key string) (bool, error) {
			if what == call && strings.HasPrefix(key, "in/") && !strings.Contains(key, "/leases/") && !strings.Contains(key, probe.Prefix) && f.calls > 40 && denied < 6 {
				denied++
				return false, target.NewError(target.CodeCredentialsExpired, "", "", nil)
			}
			return true, nil
		}
		o := mirrored(t, memDisk())
		o.HaltWait = time.Minute
		ctx, cancel := context.WithCancel(context.Background())
		res, err := Run(ctx, s, f, o)
		cancel()
		if err != nil || !res.Complete {
			t.Errorf("%s: %v, %+v", call, err, res)
		}
		f.check(t, s, "in/")
	}
}

// TestMirrorCancel: another host gives a run up. Nothing of it is left but the lease that
// says so, and no host goes on with it.
func TestMirrorCancel(t *testing.T) {
	soon(t, 0)
	for n := 30; n <= 60; n += 5 {
		mirrorCancelAt(t, n)
	}
}

func mirrorCancelAt(t *testing.T, n int) {
	t.Helper()
	s, f := mixed(), newFake(t)
	f.twoWriters = true
	z, first, ok := startFrozen(s, f, n, true, mirrored(nil, memDisk()))
	if !ok {
		t.Fatalf("it ended before call %d", n)
	}
	if _, err := Cancel(context.Background(), s, f, mirrored(t, memDisk()), true); !target.HasCode(err, target.CodeStateLocked) {
		t.Errorf("without leave: %v", err)
	}
	deleting := &deletes{fakeTarget: f}
	disk := memDisk()
	if _, err := Cancel(context.Background(), s, deleting, taking(disk), true); err != nil {
		t.Fatal(err)
	}
	close(z.thaw)
	if was := <-first; !target.HasCode(was.err, target.CodeTakenOver) {
		t.Errorf("the first host: %v", was.err)
	}
	// What was on its way when it froze has come late: the same once more finds it.
	out, err := Cancel(context.Background(), s, deleting, taking(disk), true)
	if err != nil {
		t.Fatalf("once more: %v", err)
	}
	for key := range f.objects {
		if key != out.Journal {
			t.Errorf("frozen at call %d, left: %s", n, key)
		}
	}
	if len(f.uploads) > 0 {
		t.Errorf("%d uploads are left", len(f.uploads))
	}
	if _, ok := f.objects[out.Journal]; !ok || f.leases() != 1 {
		t.Errorf("%q, %d leases", out.Journal, f.leases())
	}
	for _, o := range []Options{taking(memDisk()), taking(disk)} {
		if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeCanceled) {
			t.Errorf("it goes on: %v", err)
		}
	}
}

// deletes is a target where a run's objects may be deleted.
type deletes struct{ *fakeTarget }

func (d *deletes) Delete(_ context.Context, key, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.objects, key)
	return nil
}

// pageFrozen freezes behind the PUT of the last page.
type pageFrozen struct {
	*fakeTarget
	frozen, thaw chan struct{}
}

func (z pageFrozen) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	s, err := z.fakeTarget.Put(ctx, in)
	if strings.HasSuffix(in.Key, "/pages/0000000000000002") {
		close(z.frozen)
		<-z.thaw
	}
	return s, err
}

// TestMirrorSigns: a host that was replaced when all its objects were there looks once
// more, and does not sign.
func TestMirrorSigns(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	z := pageFrozen{f, make(chan struct{}), make(chan struct{})}
	o := mirrored(nil, disk)
	o.Lanes, o.Concurrency = 1, 1
	first := make(chan error, 1)
	go func() {
		_, err := Run(context.Background(), s, z, o)
		first <- err
	}()
	<-z.frozen
	if res := mustRun(t, s, f, taking(memDisk())); !res.Complete {
		t.Errorf("%+v", res)
	}
	close(z.thaw)
	if err := <-first; !target.HasCode(err, target.CodeTakenOver) || len(signed(t, disk)) > 0 {
		t.Errorf("%v, signed %q", err, signed(t, disk))
	}
}

// TestMirrorOfFolder: a state folder that is taken over on a shared disk is another
// host's in the target, too.
func TestMirrorOfFolder(t *testing.T) {
	soon(t, time.Hour)
	s, f, dir := mixed(), newFake(t), t.TempDir()
	f.twoWriters = true
	state, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	z, first, ok := startFrozen(s, f, 50, true, mirrored(nil, state))
	if !ok {
		t.Fatal("it ended")
	}
	taken, err := TakeOver(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if res := mustRun(t, s, f, taking(taken)); !res.Complete || res.Attempt != 2 {
		t.Errorf("%+v", res)
	}
	close(z.thaw)
	if was := <-first; !target.HasCode(was.err, target.CodeTakenOver) {
		t.Errorf("the first: %v", was.err)
	}
	if err := errors.Join(state.Close(), taken.Close()); err != nil {
		t.Fatal(err)
	}
	f.check(t, s, "in/")
}

// TestMirrorKeys: an entry whose key would be the journal's is a conflict of its own.
func TestMirrorKeys(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file(JournalPrefix+"run-1/x", []byte("mine"))
	s.file("a", []byte("a"))
	res := mustRun(t, s, f, mirrored(t, memDisk()))
	if res.Complete || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || res.Tally.Outcomes[entry.OutcomeStored] != 1 {
		t.Errorf("%+v", res.Tally)
	}
	if _, ok := f.objects["in/"+JournalPrefix+"run-1/x"]; ok {
		t.Error("it lies in the journal")
	}
}
