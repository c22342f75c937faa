//go:build linux

package fsck

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// onDisks writes a device's disks to real folders. Their files are opened as the
// command opens them.
func (d *testDevice) onDisks(t *testing.T) (o Options, dirs []string) {
	t.Helper()
	o = d.options()
	for i, files := range d.fs {
		dir := t.TempDir()
		for name, f := range files {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Data, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { root.Close() })
		o.Disks[i].FS = vfs.Plain(root)
		dirs = append(dirs, dir)
	}
	return o, dirs
}

// within fails the test if a check waits for somebody. The time is for a machine
// that is busy, not for the check.
func within(t *testing.T, check func() (*Report, error)) *Report {
	t.Helper()
	type result struct {
		r   *Report
		err error
	}
	done := make(chan result, 1)
	go func() {
		r, err := check()
		done <- result{r, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			t.Fatal(got.err)
		}
		return got.r
	case <-time.After(2 * time.Minute):
		t.Fatal("the check hangs")
	}
	return nil
}

// TestPlantedPipes: a pipe in place of any file of a disk is damage of that disk,
// and nothing waits for a writer.
func TestPlantedPipes(t *testing.T) {
	names := []string{"disk.header", "job.dsse", "log/checkpoint", "statements/seal.dsse", "log/tile/0/000.p/11", "log/tile/entries/000.p/11"}
	d := makeDevice(t, smallPlan())
	_, shard := d.shard(0, 0)
	_, piece := d.piece(0, 0)
	names = append(names, "wraps/"+d.wrapName+".wrap", shard, piece, d.hashes(0))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			o, dirs := d.onDisks(t)
			path := filepath.Join(dirs[0], "sledge", filepath.FromSlash(name))
			if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)); err != nil {
				t.Fatal(err)
			}
			for _, check := range []func(context.Context, Options) (*Report, error){Manifest, Disks} {
				r := within(t, func() (*Report, error) { return check(context.Background(), o) })
				if r.Verdict > VerdictRepairable {
					t.Errorf("%s", show(r))
				}
			}
			if r := within(t, func() (*Report, error) { return Disks(context.Background(), o) }); r.Verdict != VerdictRepairable {
				t.Errorf("%s", show(r))
			}
		})
	}
}

// TestPlantedFolders: a folder that cannot be listed, for whatever reason, is damage
// of its disk. The other disks are checked, and there is a verdict.
func TestPlantedFolders(t *testing.T) {
	put := func(plant func(path string) error) func(path string) error {
		return func(path string) error { return errors.Join(os.RemoveAll(path), plant(path)) }
	}
	plants := map[string]func(path string) error{
		"a file":             put(func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) }),
		"a pipe":             put(func(path string) error { return syscall.Mkfifo(path, 0o644) }),
		"a link to itself":   put(func(path string) error { return os.Symlink(filepath.Base(path), path) }),
		"a link leading out": put(func(path string) error { return os.Symlink("/etc", path) }),
	}
	d := makeDevice(t, smallPlan())
	pack := d.packs[0].id.String()[:2]
	for plant, make := range plants {
		for _, folder := range []string{"packs", "packs/" + pack, "log", "log/tile", "log/tile/0", "wraps", "statements", "journal"} {
			t.Run(plant+" for "+folder, func(t *testing.T) {
				o, dirs := d.onDisks(t)
				if err := make(filepath.Join(dirs[0], "sledge", folder)); err != nil {
					t.Fatal(err)
				}
				r := within(t, func() (*Report, error) { return Disks(context.Background(), o) })
				if r.Verdict != VerdictRepairable {
					t.Errorf("%s", show(r))
				}
			})
		}
	}
}

// TestPlantedLinkedFolders: a symbolic link to what a folder was, on the same disk, is
// damage of the disk, and nothing behind it is read.
func TestPlantedLinkedFolders(t *testing.T) {
	d := makeDevice(t, smallPlan())
	pack := d.packs[0].id.String()[:2]
	for _, folder := range []string{".", "packs", "packs/" + pack, "log", "log/tile", "log/tile/0", "wraps", "statements"} {
		t.Run(folder, func(t *testing.T) {
			o, dirs := d.onDisks(t)
			path := filepath.Join(dirs[0], "sledge", folder)
			moved := filepath.Join(dirs[0], "moved")
			to, err := filepath.Rel(filepath.Dir(path), moved)
			if err := errors.Join(err, os.Rename(path, moved), os.Symlink(to, path)); err != nil {
				t.Fatal(err)
			}
			r := within(t, func() (*Report, error) { return Disks(context.Background(), o) })
			named := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity != Note && f.Disk == o.Disks[0].Name })
			if r.Verdict != VerdictRepairable || !named {
				t.Errorf("%s", show(r))
			}
		})
	}
}
