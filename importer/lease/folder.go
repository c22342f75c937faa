package lease

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Folder is where leases are, in a state folder or below a target's reserved prefix.
const Folder = "leases"

const (
	kept    = 100     // older ones are removed from a folder
	maxText = 4 << 10 // bytes of one
)

// Name is a lease's own, below the state folder or the prefix.
func Name(number uint64) string { return Folder + "/" + FileName(number) }

// files are the slots of a state folder.
type files struct {
	disk vfs.FS
	near vfs.FS // the leases' own folder, open: what is asked before each write costs one call there; may be nil
}

// Create makes one file, durably. After a crash in the middle it may be empty: it counts by its
// name.
func (f files) Create(_ context.Context, number uint64, l Lease) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(f.disk, Folder); err != nil {
		return err
	}
	return makeFile(f.disk, Name(number), append(text, '\n'))
}

func makeFile(disk vfs.FS, name string, text []byte) error {
	f, err := disk.Create(name, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return disk.SyncDir(Folder)
}

// Read asks first whether the file is there, which costs the least.
func (f files) Read(_ context.Context, number uint64) (l Lease, err error) {
	disk, name := f.disk, Name(number)
	if f.near != nil {
		disk, name = f.near, FileName(number)
	}
	if _, err := disk.Stat(name); err != nil {
		return l, err
	}
	text, err := vfs.ReadFile(disk, name, maxText)
	if err != nil || json.Unmarshal(text, &l) != nil {
		return Lease{}, nil
	}
	return l, nil
}

func (f files) Highest(context.Context) (uint64, error) { return Highest(f.disk, Folder) }

// trim removes leases from long before this one, the oldest first.
func (f files) trim(number uint64) error {
	entries, err := f.disk.ReadDir(Folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n, ok := Number(e.Name()); ok && n+kept <= number {
			if err := f.disk.Remove(Name(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Highest is the highest of the numbers that the names in a folder are; 0 if there is none.
func Highest(disk vfs.FS, folder string) (highest uint64, err error) {
	entries, err := disk.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for _, e := range entries {
		if n, ok := Number(path.Base(e.Name())); ok {
			highest = max(highest, n)
		}
	}
	return highest, nil
}

// HolderOf is who took a state folder last; zero if that cannot be read. It may wait for the
// folder, or have ended.
func HolderOf(state vfs.FS) Holder { return Last(context.Background(), files{disk: state}).Holder }
