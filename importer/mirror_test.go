package importer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ourJournal is where the journal of a test's run is.
const ourJournal = "in/" + JournalPrefix + "run-1/"

// mirrored are the options of a run on a host with this disk, over those of a host that
// may take the run over.
func mirrored(t *testing.T, disk vfs.FS) Options {
	o := testOptions(t, disk)
	o.JournalInTarget = true
	return o
}

func taking(disk vfs.FS) Options {
	o := mirrored(nil, disk)
	o.TakeOver = time.Nanosecond
	return o
}

// freezingAll stops at reads and removals, too.
type freezingAll struct{ *freezing }

func (z freezingAll) Get(ctx context.Context, key, version string) (r io.ReadCloser, err error) {
	z.aroundKey(key, func() { r, err = z.fakeTarget.Get(ctx, key, version) })
	return r, err
}

func (z freezingAll) Head(ctx context.Context, key string) (o target.Object, err error) {
	z.aroundKey(key, func() { o, err = z.fakeTarget.Head(ctx, key) })
	return o, err
}

func (z freezingAll) List(ctx context.Context, prefix, after string) (page []target.Listed, next string, err error) {
	z.around(func() { page, next, err = z.fakeTarget.List(ctx, prefix, after) })
	return page, next, err
}

func (z freezingAll) Delete(ctx context.Context, key, version string) (err error) {
	z.around(func() { err = z.fakeTarget.Delete(ctx, key, version) })
	return err
}

func (z freezingAll) AbortUpload(ctx context.Context, key, id string) (err error) {
	z.around(func() { err = z.fakeTarget.AbortUpload(ctx, key, id) })
	return err
}

// looking tells that it froze in the midst of its look at the leases: it may have seen
// that the run is its own.
func (z freezingAll) looking() bool { return strings.Contains(z.key, "/leases/") }

// startFrozen begins a run on a host that freezes at a call; ok is false if it ended
// before.
func startFrozen(s entry.Source, f *fakeTarget, n int, after bool, o Options) (z freezingAll, end chan ended, ok bool) {
	z = freezingAll{newFreezing(f, n, after)}
	end = make(chan ended, 1)
	go func() {
		res, err := Run(context.Background(), s, z, o)
		end <- ended{res, err}
	}()
	select {
	case <-z.frozen:
		return z, end, true
	case was := <-end:
		end <- was
		return z, end, false
	}
}

// journalKeys are those of the journal in the target, without its leases and header.
func (f *fakeTarget) journalKeys() (left []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if strings.Contains(key, JournalPrefix) && !strings.Contains(key, "/leases/") && !strings.HasSuffix(key, "/header") {
			left = append(left, key)
		}
	}
	return left
}

func (f *fakeTarget) leases() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.objects {
		if strings.HasPrefix(key, ourJournal) && strings.Contains(key, "/leases/") && !strings.HasSuffix(key, ".signed") {
			n++
		}
	}
	return n
}

// signed are the runs of the receipts that a host has signed.
func signed(t *testing.T, disk vfs.FS) (runs []string) {
	t.Helper()
	folders, err := disk.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range folders {
		note, err := vfs.ReadFile(disk, d.Name()+"/log/checkpoint", manifest.MaxCheckpoint)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		origin, _, _ := strings.Cut(string(note), "\n")
		runs = append(runs, origin)
	}
	return runs
}

// TestMirrorTakeOver: another host with an empty folder goes on with a run whose host
// is frozen at each of its calls, and what that one does when it wakes does no harm: it
// signs nothing under the other's name, and leaves nothing.
func TestMirrorTakeOver(t *testing.T) {
	soon(t, time.Hour)
	s := mixed()
	all := freezingAll{newFreezing(newFake(t), 0, false)}
	close(all.thaw)
	mustRun(t, s, all, mirrored(nil, memDisk()))
	step := 3
	if os.Getenv("SLEDGE_LONG") != "" {
		step = 1
	}
	done := 0
	for n := 1; n <= all.calls; n++ {
		for _, after := range []bool{false, true} {
			if (n+btoi(after))%step == 0 && mirrorTakeOverAt(t, s, n, after) {
				done++
			}
			if t.Failed() {
				t.Fatalf("frozen at call %d, applied %v", n, after)
			}
		}
	}
	t.Logf("figure: another host took over %d times from one that was frozen at one of %d calls", done, all.calls)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// soon has hosts trust their last look for so long, and wait for none of it.
func soon(t *testing.T, trust time.Duration) {
	was, wait := mirrorTrust, mirrorWait
	mirrorTrust, mirrorWait = trust, 0
	t.Cleanup(func() { mirrorTrust, mirrorWait = was, wait })
}

func mirrorTakeOverAt(t *testing.T, s *fakeSource, n int, after bool) bool {
	t.Helper()
	if mirrorTrust = time.Hour; n%2 == 0 { // some do not see it before they must look
		mirrorTrust = 0
	}
	f := newFake(t)
	f.twoWriters = true
	disk, other := memDisk(), memDisk()
	z, first, frozen := startFrozen(s, f, n, after, mirrored(nil, disk))
	if !frozen {
		return false
	}
	held, before := f.leases() > 0, signed(t, disk)
	if held {
		if _, err := Run(context.Background(), s, f, mirrored(nil, memDisk())); !target.HasCode(err, target.CodeStateLocked) {
			t.Errorf("without leave: %v", err)
		}
	}
	res, err := Run(context.Background(), s, f, taking(other))
	if err != nil || !res.Complete {
		t.Fatalf("the other host: %v, %+v", err, res)
	}
	close(z.thaw)
	was := <-first
	mine, theirs := signed(t, disk), signed(t, other)
	switch {
	case target.HasCode(was.err, target.CodeTakenOver) || target.HasCode(was.err, target.CodeStateLocked):
		if len(mine) > 0 {
			t.Errorf("the first host, once awake, has signed %q", mine)
		}
	case !held || len(before) == 0 && !z.looking():
		t.Errorf("the first host, once awake, has signed %q: %v", mine, was.err)
	case was.err != nil || !was.res.Complete || len(mine) != 1:
		t.Errorf("the first host, once awake: %v, %q", was.err, mine)
	}
	if len(theirs) != 1 || slices.Contains(mine, theirs[0]) {
		t.Errorf("signed: %q and %q", mine, theirs)
	}
	f.check(t, s, "in/")
	return true
}
