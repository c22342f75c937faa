package importer

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt/sign"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// filesBelow reads a folder's files.
func filesBelow(t *testing.T, disk vfs.FS, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := vfs.Walk(disk, folder, vfs.Limits{}, func(name string, e fs.DirEntry) error {
		if e.IsDir() {
			return nil
		}
		text, err := vfs.ReadFile(disk, name, 1<<30)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestReceiptsBeforeTheirSignature: when the checkpoint of the receipts takes its name,
// all that it signs is on the disk, content and names: a power cut that keeps nothing
// of what was not synced leaves no signature over files that are not there.
func TestReceiptsBeforeTheirSignature(t *testing.T) {
	disk, o := memDisk(), testOptions(t, nil)
	var image *vfs.Mem
	o.StateDir = stateOf(&imaging{FS: disk, take: func(name string) {
		if image == nil && strings.HasPrefix(name, "receipts/log/checkpoint") {
			image = disk.CrashClone(newRand(1), 0)
		}
	}})
	mustRun(t, mixed(), newFake(t), o)
	if image == nil {
		t.Fatal("no checkpoint was written")
	}
	left := filesBelow(t, image, ".")
	for name, text := range filesBelow(t, disk, receiptsFolder) {
		if got, ok := left[name]; !strings.HasSuffix(name, "checkpoint") && !strings.HasSuffix(name, sign.TotalName) && (!ok || got != text) {
			t.Errorf("%s: after a power cut before the signature there are %d of %d bytes", name, len(got), len(text))
		}
	}
}

// takenFrom is a state folder that another process takes over.
type takenFrom struct {
	imaging
	taken atomic.Bool
}

func (f *takenFrom) Taken() uint64 { return 0 }

func (f *takenFrom) Held() error {
	if f.taken.Load() {
		return target.NewError(target.CodeTakenOver, "", "by a test", nil)
	}
	return nil
}

// TestTakenOverSignsNothing: a process whose run is taken over while it writes the
// receipts, also when nothing but the signature is left to do, signs nothing.
func TestTakenOverSignsNothing(t *testing.T) {
	for at := 1; ; at++ {
		n, disk := 0, memDisk()
		state := &takenFrom{imaging: imaging{FS: disk}}
		signed := false
		state.take = func(name string) {
			if strings.HasPrefix(name, "receipts/log/checkpoint") {
				signed = true
			}
			if strings.HasPrefix(name, receiptsFolder) && !signed {
				if n++; n == at {
					state.taken.Store(true)
				}
			}
		}
		s := newSource()
		s.file("a", []byte("hello"))
		_, err := Run(context.Background(), s, newFake(t), testOptions(t, state))
		if n < at {
			if at < 5 {
				t.Errorf("%d operations", n)
			}
			return
		}
		if !target.HasCode(err, target.CodeTakenOver) {
			t.Errorf("taken over at operation %d: %v", at, err)
		}
		for _, name := range []string{"receipts/log/checkpoint", "receipts/" + sign.TotalName} {
			if _, err := disk.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("taken over at operation %d, and %s was signed: %v", at, name, err)
			}
		}
	}
}
