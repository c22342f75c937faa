package simulator

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Snapshot is a copy of a folder, in memory, at most 256 MiB of content. Hard
// links are copied as files; links and other special files are left out.
type Snapshot struct {
	disk    *Disk
	folder  string
	folders []string          // names on the disk, each after the one above it
	files   map[string]string // name → content
}

// Snapshot copies a folder of a disk, for Restore to bring back when it is stale,
// such as a log taken while loading. It does no damage.
func (c *Carrier) Snapshot(d *Disk, folder string) (*Snapshot, error) {
	s := &Snapshot{disk: d, folder: folder, files: map[string]string{}}
	left := int64(maxSnapshot)
	limits := vfs.Limits{Entries: maxEntries}
	err := vfs.Walk(d.inner, folder, limits, func(name string, e fs.DirEntry) error {
		if e.IsDir() {
			s.folders = append(s.folders, name)
		}
		if !e.Type().IsRegular() {
			return nil
		}
		content, err := vfs.ReadFile(d.inner, name, left)
		left -= int64(len(content))
		s.files[name] = string(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", d.Name, err)
	}
	return s, nil
}

func (s *Snapshot) equal(other *Snapshot) bool {
	return slices.Equal(s.folders, other.folders) && maps.Equal(s.files, other.files)
}

// Restore makes the folder again what it was at the snapshot; what has been added
// since is removed.
func (c *Carrier) Restore(s *Snapshot) (Damage, error) {
	d := s.disk
	c.begin()
	defer c.mu.Unlock()
	if now, err := c.Snapshot(d, s.folder); err == nil && now.equal(s) {
		return Damage{}, ErrNoDamage
	}
	if err := s.write(d.inner); err != nil {
		return Damage{}, fmt.Errorf("restore %s: %w", d.Name, err)
	}
	return c.note(d, Damage{File: s.folder, Kind: Stale}), nil
}

// write empties the folder and fills it from the snapshot.
func (s *Snapshot) write(disk vfs.FS) error {
	if err := durable.MkdirAll(disk, s.folder); err != nil {
		return err
	}
	entries, err := disk.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := durable.RemoveAll(disk, path.Join(s.folder, e.Name()), maxEntries); err != nil {
			return err
		}
	}
	for _, folder := range s.folders {
		if err := durable.MkdirAll(disk, folder); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if err := durable.WriteFile(disk, name, []byte(s.files[name])); err != nil {
			return err
		}
	}
	return nil
}

// lostSuffix marks the folder of a lost disk.
const lostSuffix = ".lost"

// Lose takes a disk of a real folder away: the folder is renamed to NAME.lost, and
// replaces nothing there.
func (c *Carrier) Lose(d *Disk) (Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	to := d.Folder + lostSuffix
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return Damage{}, fmt.Errorf("lose %s: %s: %w", d.Name, to, fs.ErrExist)
	}
	if err := os.Rename(d.Folder, to); err != nil {
		return Damage{}, fmt.Errorf("lose %s: %w", d.Name, err)
	}
	return c.note(d, Damage{File: ".", Kind: DiskLost}), nil
}
