//go:build unix

package durable_test

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestPublicMode: a public file has mode 0644 and a private one 0600, whatever the umask,
// and also where the file is there already, written by an earlier build.
func TestPublicMode(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		before := syscall.Umask(umask)
		disk, err := vfs.OS(t.TempDir())
		if err == nil {
			err = errors.Join(
				durable.WritePublic(disk, "written", []byte("key")), durable.WritePublic(disk, "written", []byte("another")),
				durable.CreatePublic(disk, "created", []byte("key")), durable.CreateExclusive(disk, "private", []byte("secret")),
				durable.CreateExclusive(disk, "older", []byte("key")), durable.CreatePublic(disk, "older", []byte("key")))
		}
		syscall.Umask(before)
		must(t, err)
		for name, want := range map[string]fs.FileMode{"written": 0o644, "created": 0o644, "older": 0o644, "private": 0o600} {
			if info, err := disk.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("umask %04o: %s: %v, %v", umask, name, info.Mode(), err)
			}
		}
		must(t, vfs.Close(disk))
	}
	disk := vfs.NewMem(vfs.MemOptions{})
	must(t, durable.CreatePublic(disk, "pub", []byte("key")))
	if err := durable.CreatePublic(disk, "pub", []byte("another")); !errors.Is(err, durable.ErrDifferent) {
		t.Errorf("another key took its place: %v", err)
	}
}
