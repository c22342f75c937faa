package firmware

import (
	"bytes"
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// stateFolder is what lies in a state folder.
func stateFolder(t *testing.T, fsys vfs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := vfs.Walk(fsys, ".", vfs.Limits{}, func(name string, e fs.DirEntry) error {
		if e.IsDir() {
			return nil
		}
		b, err := vfs.ReadFile(fsys, name, maxStateFile)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// between writes a change in the middle of a reader's looks.
type between struct {
	vfs.FS
	name string
	then func()
}

func (b *between) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if name == b.name && b.then != nil {
		then := b.then
		b.then = nil
		then()
	}
	return b.FS.Open(name, o)
}

// TestReadBesideWriter: a change at every place between a reader's looks is no doubt.
func TestReadBesideWriter(t *testing.T) {
	for _, name := range []string{keyName, stateName, counterName} {
		mem := vfs.NewMem(vfs.MemOptions{})
		d := provision(t, mem)
		apply(t, d, adoptEvent(1, 1, "one"))
		b := &between{FS: mem, name: name, then: func() { apply(t, d, event(EventUnlock), event(EventLoadStart), event(EventLoadEnd)) }}
		got, err := Read(b)
		if err != nil || b.then != nil {
			t.Fatalf("a change before %s is read: %v", name, err)
		}
		if s := got.State(); s != Locked && s != Unlocked {
			t.Errorf("a change before %s is read: state %s", name, s)
		}
	}
}

// TestReadersMarkNothing: however often a device is read beside one that is changed,
// nobody takes it for tampered.
func TestReadersMarkNothing(t *testing.T) {
	folder := lockFolders(t)["os"]
	d := provision(t, folder)
	apply(t, d, adoptEvent(1, 1, "one"), event(EventUnlock))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := Read(folder); err != nil && !errors.Is(err, ErrConcurrent) {
					t.Errorf("read: %v", err)
					return
				}
			}
		})
	}
	for range 10 {
		apply(t, d, event(EventLoadStart), event(EventLoadEnd))
	}
	close(stop)
	wg.Wait()
	if _, err := Open(folder); err != nil {
		t.Error(err)
	}
}

// TestReadWritesNothing: what cannot be believed is told and left as it is; the
// command that holds the lock marks it, and then readers tell that.
func TestReadWritesNothing(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, mem)
	old, err := vfs.ReadFile(mem, stateName, maxStateFile)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, d, adoptEvent(1, 1, "one"), event(EventUnlock))
	if err := durable.WriteFile(mem, stateName, bytes.Clone(old)); err != nil {
		t.Fatal(err)
	}
	before := stateFolder(t, mem)
	d, err = Read(mem)
	if !errors.Is(err, ErrDoubt) || errors.Is(err, ErrTampered) {
		t.Errorf("state put back: %v", err)
	}
	for _, e := range events {
		if d.Apply(event(e)) == nil {
			t.Errorf("a device that was read applied %s", e)
		}
	}
	after := stateFolder(t, mem)
	if len(after) != len(before) || after[stateName] != before[stateName] || after[tamperedName] != "" {
		t.Errorf("a reader wrote: %v", after)
	}
	if _, err := Open(mem); !errors.Is(err, ErrTampered) {
		t.Errorf("with the lock: %v", err)
	}
	if _, err := Read(mem); !errors.Is(err, ErrTampered) {
		t.Errorf("read after the mark: %v", err)
	}
	good := vfs.NewMem(vfs.MemOptions{})
	provision(t, good)
	if d, err = Read(good); err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(adoptEvent(1, 1, "one")); !errors.Is(err, errReadOnly) {
		t.Errorf("a device that was read took a job: %v", err)
	}
}
