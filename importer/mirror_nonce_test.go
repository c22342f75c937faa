package importer

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// copied is a state folder that was copied when the run came to a call, the first time.
func copied(disk *vfs.Mem, f *fakeTarget, at func(call, key string) bool) (copy func() vfs.FS) {
	var taken *vfs.Mem
	f.hook = func(_ int, call, key string) (bool, error) {
		if taken == nil && at(call, key) {
			taken = disk.CrashClone(newRand(1), 0)
		}
		return true, nil
	}
	return func() vfs.FS { return taken }
}

// TestMirrorCopyWhileAtWork: a copy of the state folder of a run that is at work goes on with
// it, as a start after a crash would; the run sees that, ends, and signs nothing. What both
// sign has no name in common.
func TestMirrorCopyWhileAtWork(t *testing.T) {
	for n := 24; n < 68; n += 3 {
		soon(t, time.Hour*time.Duration(n%2)) // some do not see it before they must look
		s, f, disk := mixed(), newFake(t), memDisk()
		f.twoWriters = true
		z, first, ok := startFrozen(s, f, n, true, mirrored(nil, disk))
		if !ok {
			break
		}
		other := disk.CrashClone(newRand(1), 0)
		if res := mustRun(t, s, f, mirrored(nil, other)); !res.Complete {
			t.Errorf("the copy: %+v", res)
		}
		close(z.thaw)
		was := <-first
		mine, theirs := signed(t, disk), signed(t, other)
		if !z.looking() && (!target.HasCode(was.err, target.CodeTakenOver) || len(mine) > 0) {
			t.Errorf("frozen at call %d, %q: the first: %v, signed %q", n, z.key, was.err, mine)
		}
		if len(theirs) != 1 || slices.Contains(mine, theirs[0]) && !sameSigned(t, disk, other) {
			t.Errorf("frozen at call %d, %q: signed %q and %q", n, z.key, mine, theirs)
		}
		f.check(t, s, "in/")
	}
}

// sameSigned tells receipts whose end was fixed before the folder was copied: they are the
// same, byte for byte.
func sameSigned(t *testing.T, a, b vfs.FS) bool {
	t.Helper()
	for _, name := range []string{"receipts/objects.list", "receipts/log/checkpoint"} {
		one, errA := vfs.ReadFile(a, name, 1<<20)
		two, errB := vfs.ReadFile(b, name, 1<<20)
		if errA != nil || errB != nil || !bytes.Equal(one, two) {
			return false
		}
	}
	return true
}

// TestMirrorCopySigns: a run looks whether it is still its own, and signs; a copy of its
// folder goes on only then. The second to sign does so under another name.
func TestMirrorCopySigns(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	other := copied(disk, f, func(call, key string) bool { return call == "put" && key == "in/dir/f" })
	mustRun(t, s, f, mirrored(t, disk))
	f.hook = nil
	res := mustRun(t, s, f, mirrored(t, other()))
	mine, theirs := signed(t, disk), signed(t, other())
	if !res.Complete || len(mine) != 1 || len(theirs) != 1 || slices.Contains(mine, theirs[0]) {
		t.Errorf("signed: %q and %q, %+v", mine, theirs, res)
	}
}

// TestMirrorOldCopy: a copy from before the last start is not the holder: it takes the run
// over, or is refused.
func TestMirrorOldCopy(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	old := disk.CrashClone(newRand(1), 0)
	halfway(t, s, f, mirrored(t, disk))
	if _, err := Run(t.Context(), s, f, mirrored(t, old)); !target.HasCode(err, target.CodeStateLocked) {
		t.Errorf("the old copy: %v", err)
	}
	if res := mustRun(t, s, f, mirrored(t, disk)); !res.Complete || res.Attempt != 1 {
		t.Errorf("the folder itself: %+v", res)
	}
	if res := mustRun(t, s, f, taking(old)); !res.Complete || res.Attempt != 2 {
		t.Errorf("the old copy, which takes it over: %+v", res)
	}
}

// TestMirrorNonceCut: a start that is cut off anywhere before the target has its nonce, or
// whose answer is lost, leaves the folder the holder.
func TestMirrorNonceCut(t *testing.T) {
	soon(t, time.Hour)
	s, f, disk := mixed(), newFake(t), memDisk()
	halfway(t, s, f, mirrored(t, disk))
	for n := range 2 * maxNonces {
		f.hook = func(_ int, call, key string) (bool, error) {
			if call == "put" {
				return n%2 == 1, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
			}
			return true, nil
		}
		if _, err := Run(t.Context(), s, f, mirrored(t, disk)); !target.HasCode(err, target.CodeCredentialsRefused) {
			t.Fatal(err)
		}
	}
	f.hook = nil
	if res := mustRun(t, s, f, mirrored(t, disk)); !res.Complete || res.Attempt != 1 {
		t.Errorf("%+v", res)
	}
}
