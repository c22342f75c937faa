package vfstest

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// testLock: a name has one lock at a time, which hinders nobody who does not ask
// for it, and of the disk's own folder leaves nothing on the disk.
func testLock(t *testing.T, fsys vfs.FS) {
	for _, name := range []string{".", "lock"} {
		held, err := vfs.Lock(fsys, name)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("this file system has no locks")
		}
		must(t, err)
		if name == "." {
			entries, err := fsys.ReadDir(".")
			must(t, err)
			if len(entries) > 0 {
				t.Errorf("the lock of the folder left %v", entries)
			}
		}
		_, err = vfs.Lock(fsys, name)
		wantErr(t, name+" locked twice", err, vfs.ErrLocked)
		other, err := vfs.Lock(fsys, "other")
		must(t, err)
		write(t, fsys, "content", "x")
		must(t, fsys.Remove("content"))
		must(t, other.Close())
		must(t, fsys.Remove("other"))
		must(t, held.Close())
		held, err = vfs.Lock(fsys, name)
		must(t, err)
		must(t, held.Close())
	}
	testLocked(t, fsys)
	_, err := vfs.Lock(fsys, "no/such")
	wantErr(t, "lock in a folder that is not there", err, fs.ErrNotExist)
	_, err = vfs.Lock(fsys, "../up")
	wantErr(t, "lock outside", err, fs.ErrInvalid)
}

// testLocked: asking about a lock takes none, and tells its kind.
func testLocked(t *testing.T, fsys vfs.FS) {
	want := func(when string, want vfs.LockKind) {
		t.Helper()
		if got, err := vfs.Locked(fsys, "asked"); err != nil || got != want {
			t.Errorf("%s: lock of kind %d, %v; want %d", when, got, err, want)
		}
	}
	want("no such file", vfs.NoLock)
	for _, kind := range []vfs.LockKind{vfs.LongLock, vfs.BriefLock} {
		held, err := vfs.LockAs(fsys, "asked", kind)
		must(t, err)
		want("held", kind)
		want("asked again", kind)
		for _, other := range []vfs.LockKind{vfs.LongLock, vfs.BriefLock} {
			_, err = vfs.LockAs(fsys, "asked", other)
			wantErr(t, "locked twice", err, vfs.ErrLocked)
		}
		must(t, held.Close())
		want("given back", vfs.NoLock)
	}
	must(t, fsys.Remove("asked"))
	_, err := vfs.Locked(fsys, ".")
	wantErr(t, "a folder's lock", err, errors.ErrUnsupported)
}
