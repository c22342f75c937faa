package vfs

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHolesOfKinds: holes are believed of no file system that may tell fresh data as a
// hole, that is served by another process, or that nobody knows.
func TestHolesOfKinds(t *testing.T) {
	for _, fs := range []string{"zfs", "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs", "vfat", "exfat", "fuse", "fuseblk", "fuse.sshfs", "fuse.rclone", "fuse.any", "unheard-of", ""} {
		if kindOf(fs).holes {
			t.Errorf("%q: its holes are believed", fs)
		}
	}
	for _, fs := range []string{"vfat", "exfat", "cifs", "fuse.sshfs", "fuse.any", "unheard-of", ""} {
		if kindOf(fs).stable {
			t.Errorf("%q: its inode numbers are believed", fs)
		}
	}
}

// TestTreeOfAnotherFolder: the folder that a source was opened at is moved away, and
// another one of the same file system takes its name. What is read would be another
// source than the one that the path names.
func TestTreeOfAnotherFolder(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := OSTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if _, err := tree.Check(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root, filepath.Join(base, "away")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Check(); err == nil {
		t.Error("another folder is taken for the source")
	}
}
