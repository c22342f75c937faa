package importer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// probing freezes behind the first object of a probe.
type probing struct {
	*fakeTarget
	frozen, thaw chan struct{}
}

func (z probing) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	<-z.thaw
	return z.fakeTarget.CreateUpload(ctx, in)
}

func (z probing) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if strings.HasSuffix(in.Key, "/wrong") || strings.HasSuffix(in.Key, "/taken") {
		<-z.thaw
	}
	s, err := z.fakeTarget.Put(ctx, in)
	if strings.HasSuffix(in.Key, "/put") && !in.IfAbsent {
		close(z.frozen)
		<-z.thaw
	}
	return s, err
}

// probeKeys are those of probes' objects.
func (f *fakeTarget) probeKeys() (keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.objects {
		if strings.Contains(key, probe.Prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestCancelOtherProbe: a cancel on another host, or in a copy of the state folder, probes
// under names of its own, and removes what the probe of the frozen process has left.
func TestCancelOtherProbe(t *testing.T) {
	soon(t, time.Hour)
	for _, mirror := range []bool{true, false} {
		s, f, dir := mixed(), newFake(t), t.TempDir()
		state, err := OpenState(dir)
		if err != nil {
			t.Fatal(err)
		}
		o := testOptions(nil, state)
		o.JournalInTarget = mirror
		z := probing{f, make(chan struct{}), make(chan struct{})}
		first := make(chan error, 1)
		go func() {
			_, err := Run(context.Background(), s, z, o)
			first <- err
		}()
		<-z.frozen
		theirs := f.probeKeys()
		if o = taking(memDisk()); !mirror {
			taken, err := TakeOver(t.Context(), dir, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			o = testOptions(nil, taken)
		}
		f.mu.Lock()
		f.hook = func(_ int, call, key string) (bool, error) {
			if call == "put" && slices.Contains(theirs, key) {
				t.Errorf("mirror %v: it writes %s, which is the other's", mirror, key)
			}
			return true, nil
		}
		f.mu.Unlock()
		if _, err := Cancel(context.Background(), s, f, o, false); err != nil {
			t.Fatal(err)
		}
		if left := f.probeKeys(); len(theirs) != 1 || len(left) > 0 {
			t.Errorf("mirror %v: of %q there are left: %q", mirror, theirs, left)
		}
		f.mu.Lock()
		f.hook = nil
		f.mu.Unlock()
		close(z.thaw)
		if err := <-first; !target.HasCode(err, target.CodeTakenOver) {
			t.Errorf("mirror %v: the first: %v", mirror, err)
		}
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	}
}

// cutClearing runs a complete run that is cut off, by Ctrl-C and by a loss of power, when it
// removes the first page of its journal.
func cutClearing(t *testing.T, s *fakeSource, f *fakeTarget) (stopped, crashed vfs.FS, problems []target.Code) {
	t.Helper()
	disk := memDisk()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "delete" && strings.Contains(key, "/pages/") && crashed == nil {
			crashed = disk.CrashClone(newRand(1), 50)
			cancel()
			return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
		}
		return true, nil
	}
	o := mirrored(nil, disk)
	o.Problem = func(e *target.Error) { problems = append(problems, e.Code) }
	if res, err := Run(ctx, s, f, o); err != nil || !res.Complete || crashed == nil {
		t.Fatalf("%v, %+v", err, res)
	}
	f.hook = nil
	return disk, crashed, problems
}

// TestMirrorClearGoesOn: where the clearing of the journal in the target was cut short, that
// is said, and the next start goes on with it; the one after asks the target nothing.
func TestMirrorClearGoesOn(t *testing.T) {
	for _, crash := range []bool{false, true} {
		s, f := mixed(), newFake(t)
		disk, crashed, problems := cutClearing(t, s, f)
		if len(f.journalKeys()) == 0 || !slices.Contains(problems, target.CodeJournalLeft) {
			t.Fatalf("left %q, said %v", f.journalKeys(), problems)
		}
		if crash {
			disk = crashed
		}
		if res := mustRun(t, s, f, mirrored(t, disk)); !res.Complete || !res.Earlier || len(f.journalKeys()) > 0 {
			t.Errorf("crash %v: left %q, %+v", crash, f.journalKeys(), res)
		}
		changes := f.changes()
		if mustRun(t, s, f, mirrored(t, disk)); f.changes() != changes {
			t.Errorf("crash %v: it clears again", crash)
		}
	}
}

// TestMirrorClearOfOther: a host whose clearing was cut short leaves the journal of another
// one alone that has the run by now.
func TestMirrorClearOfOther(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	_, crashed, _ := cutClearing(t, s, f)
	f.hook = func(_ int, call, key string) (bool, error) {
		if key == "in/dir/f" && call == "head" {
			return false, target.NewError(target.CodeAccessDenied, "", "", nil)
		}
		return true, nil
	}
	o := taking(memDisk())
	o.Lanes, o.Concurrency = 1, 1
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeAccessDenied) {
		t.Fatal(err)
	}
	f.hook = nil
	theirs := f.journalKeys()
	if res := mustRun(t, s, f, mirrored(t, crashed)); !res.Earlier || len(theirs) == 0 || !slices.Equal(f.journalKeys(), theirs) {
		t.Errorf("of %q there are left %q", theirs, f.journalKeys())
	}
}

// TestMirrorCancelCut: a cancel that is cut off when it removes the journal names what
// stays, and the same once more, on this host or another, removes it.
func TestMirrorCancelCut(t *testing.T) {
	soon(t, 0)
	for _, other := range []bool{false, true} {
		s, f, disk := mixed(), newFake(t), memDisk()
		halfway(t, s, f, mirrored(t, disk))
		ctx, cancel := context.WithCancel(context.Background())
		out, err := Cancel(ctx, s, headerStays{deleting{f}, cancel}, mirrored(t, disk), true)
		cancel()
		if err == nil || out.Journal != "" || !strings.HasPrefix(out.JournalLeft, ourJournal) {
			t.Fatalf("%v, %+v", err, out)
		}
		o := mirrored(t, disk)
		if other {
			o = taking(memDisk())
		}
		if out, err = Cancel(context.Background(), s, deleting{f}, o, true); err != nil || out.JournalLeft != "" || len(f.objects) != 1 {
			t.Errorf("other %v: %v, %+v, %d objects", other, err, out, len(f.objects))
		}
		if _, ok := f.objects[out.Journal]; !ok {
			t.Errorf("other %v: %q is not there", other, out.Journal)
		}
	}
}

// headerStays tells when the journal's header is to go, and loses that call.
type headerStays struct {
	deleting
	told func()
}

func (d headerStays) Delete(ctx context.Context, key, version string) error {
	if strings.HasSuffix(key, "/header") {
		d.told()
		return lostAnswer
	}
	return d.deleting.Delete(ctx, key, version)
}

// denyAbort has the store refuse the parts of one object, and to abort any upload of it.
func denyAbort(_ int, call, key string) (bool, error) {
	switch {
	case key == "in/big" && call == "part":
		return false, target.NewError(target.CodeRefused, "", "no", nil)
	case key == "in/big" && call == "abort":
		return false, target.NewError(target.CodeAccessDenied, "", "no right to abort", nil)
	}
	return true, nil
}

// TestMirrorLeft: a host that takes the run over knows of an upload that it is not to be
// taken up, and counts it once.
func TestMirrorLeft(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	f.hook = denyAbort
	if res := mustRun(t, s, f, mirrored(t, memDisk())); res.LeftUploads != 1 || len(f.uploads) != 1 {
		t.Fatalf("%d uploads, %+v", len(f.uploads), res)
	}
	f.hook = func(n int, call, key string) (bool, error) {
		if call == "abort" {
			return denyAbort(n, call, key)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, taking(memDisk())); !res.Complete || res.LeftUploads != 1 || res.PartsKept != 0 || len(f.uploads) != 1 {
		t.Errorf("%d uploads, %+v", len(f.uploads), res)
	}
}

// TestMirrorLeftOfComplete: an upload that could not be aborted is known to a cancel on
// another host, though the run is complete, and stays known to the next until it is gone.
func TestMirrorLeftOfComplete(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	f.hook = denyAbort
	o := mirrored(t, disk)
	o.ExclusivePrefix = false
	mustRun(t, s, f, o)
	f.objects["in/big"] = fakeObject{data: s.content["big"], sha256: bigComposite(t, s)}
	if res := mustRun(t, s, f, o); !res.Complete || res.LeftUploads != 1 || len(f.uploads) != 1 {
		t.Fatalf("%d uploads, %+v", len(f.uploads), res)
	}
	other := taking(nil)
	other.ExclusivePrefix = false
	for _, denied := range []bool{true, false} {
		other.StateDir = memDisk()
		if f.hook = nil; denied {
			f.hook = denyAbort
		}
		out, err := Cancel(context.Background(), s, f, other, false)
		if err != nil || denied != (out.Uploads == 1) || denied != (out.JournalLeft != "") || denied != (len(f.uploads) == 1) {
			t.Errorf("denied %v: %v, %+v, %d uploads", denied, err, out, len(f.uploads))
		}
	}
}

// bigComposite is the checksum of the object in parts.
func bigComposite(t *testing.T, s *fakeSource) string {
	t.Helper()
	for _, e := range s.entries {
		if e.Record.Path == "big" {
			var sums [][32]byte
			for _, sum := range e.Record.Parts {
				sums = append(sums, [32]byte(sum))
			}
			return content.Composite(sums)
		}
	}
	return ""
}
