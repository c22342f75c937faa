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
func (c *Carrier) Restore(s *Snapshot) (Damage, error) { return c.RestoreOn(s.disk, s) }

// RestoreOn is Restore on another disk, where the same folder becomes a copy.
func (c *Carrier) RestoreOn(d *Disk, s *Snapshot) (Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	if now, err := c.Snapshot(d, s.folder); err == nil && now.equal(s) {
		return Damage{}, ErrNoDamage
	}
	if err := s.write(d.inner); err != nil {
		return Damage{}, fmt.Errorf("restore %s: %w", d.Name, err)
	}
	damage := c.note(d, Damage{File: s.folder, Kind: Stale})
	return damage, d.recount()
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

// Lost is a disk that did not arrive.
type Lost struct {
	Damage Damage
	disk   *Disk
}

// lostSuffix marks the folder of a lost disk.
const lostSuffix = ".lost"

// Lose takes a disk away: it is unplugged, and a real folder is renamed to
// NAME.lost, so that who opens it anew does not find it either.
func (c *Carrier) Lose(d *Disk) (*Lost, error) {
	c.begin()
	defer c.mu.Unlock()
	if d.Folder != "" {
		if err := move(d.Folder, d.Folder+lostSuffix); err != nil {
			return nil, fmt.Errorf("lose %s: %w", d.Name, err)
		}
	}
	d.Unplug()
	return &Lost{Damage: c.note(d, Damage{File: ".", Kind: DiskLost}), disk: d}, nil
}

// GiveBack ends Lose: the disk is back under its name and plugged in. The Damage
// stays in Carrier.Done.
func (l *Lost) GiveBack() error {
	if folder := l.disk.Folder; folder != "" {
		if err := move(folder+lostSuffix, folder); err != nil {
			return fmt.Errorf("give back %s: %w", l.disk.Name, err)
		}
	}
	l.disk.Plug()
	return nil
}

// move renames a folder of the real file system, which lies above any vfs.FS, and
// replaces nothing.
func move(from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	return os.Rename(from, to)
}
