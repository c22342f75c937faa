package vfs

import "testing"

// TestKeepsOverwritten: where a file system keeps what is overwritten, that is said, and
// where nobody knows whether it does.
func TestKeepsOverwritten(t *testing.T) {
	for id, want := range map[int]string{28: "", 91: "ext4 with data=journal", 92: "btrfs", 94: "tmpfs", 95: "zfs"} {
		m, err := findMount(mountinfo, id)
		if got := keeps(m.kind, m); err != nil || got != want {
			t.Errorf("mount %d: %q, %v; want %q", id, got, err, want)
		}
	}
	mount := mountEntry{kind: "x", options: "rw"}
	for _, name := range []string{"fuse", "overlay", "nfs", "cifs", "smb2", "9p", "aufs", "ecryptfs", "f2fs", "nilfs2", "bcachefs", "ntfs3", "reiserfs", "0x1234"} {
		if got := keeps(name, mount); got != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, name := range []string{"ext4", "xfs", "vfat", "exfat"} {
		if got := keeps(name, mount); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := keeps("ext4", mountEntry{}); got != "ext4 with options that are not known" {
		t.Errorf("a mount without an entry: %q", got)
	}
}
