package vfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// loopMount makes a file system in a file and mounts it, or skips the test by name.
func loopMount(t *testing.T, kind, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	mkfs := "mkfs." + kind
	if _, err := exec.LookPath(mkfs); err != nil {
		t.Skipf("%s is not installed", mkfs)
	}
	dir := t.TempDir()
	image, point := filepath.Join(dir, "image"), filepath.Join(dir, "point")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, call := range [][]string{{"truncate", "-s", size, image}, {mkfs, image}, {"mount", "-o", "loop", image, point}} {
		if out, err := exec.Command(call[0], call[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", strings.Join(call, " "), err, out)
		}
	}
	t.Cleanup(func() { unmount(t, point) })
	return point
}

func unmount(t *testing.T, point string) {
	if out, err := exec.Command("umount", point).CombinedOutput(); err != nil {
		t.Errorf("umount: %v: %s", err, out)
	}
}

func mountedAt(t *testing.T, folder string) *Mount {
	t.Helper()
	m, err := MountOf(folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMountOfLoop looks at real file systems: the mount point, a link to it and a
// folder below it.
func TestMountOfLoop(t *testing.T) {
	for kind, size := range map[string]string{"ext4": "16M", "xfs": "320M", "btrfs": "128M", "vfat": "16M", "exfat": "16M"} {
		t.Run(kind, func(t *testing.T) {
			point := loopMount(t, kind, size)
			m := mountedAt(t, point)
			if !m.Point || m.Filesystem != kind || len(m.Disks) != 1 || !strings.HasPrefix(m.Disks[0], "loop") {
				t.Errorf("mount point: %+v", m)
			}
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(point, link); err != nil {
				t.Fatal(err)
			}
			if l := mountedAt(t, link); !l.Point || l.Path != m.Path || !slices.Equal(l.Disks, m.Disks) {
				t.Errorf("by a link: %+v, want %+v", l, m)
			}
			below := filepath.Join(point, "below")
			if err := os.Mkdir(below, 0o755); err != nil {
				t.Fatal(err)
			}
			if b := mountedAt(t, below); b.Point || !slices.Equal(b.Shared(m), m.Disks) {
				t.Errorf("a folder below: %+v", b)
			}
			if o := mountedAt(t, filepath.Dir(point)); len(o.Shared(m)) != 0 {
				t.Errorf("the folder above shares %v", o.Shared(m))
			}
		})
	}
}

// TestMountOfTwoLoops: two loop devices are two disks.
func TestMountOfTwoLoops(t *testing.T) {
	a, b := mountedAt(t, loopMount(t, "ext4", "16M")), mountedAt(t, loopMount(t, "ext4", "16M"))
	if both := a.Shared(b); len(both) > 0 {
		t.Errorf("they share %v", both)
	}
}

// TestMountOfBind: a folder of a disk that is bound to another place is mounted,
// and has no file system of its own there.
func TestMountOfBind(t *testing.T) {
	disk := loopMount(t, "ext4", "16M")
	for _, dir := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(disk, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bind := func(at string) *Mount {
		if out, err := exec.Command("mount", "--bind", filepath.Join(disk, "a"), at).CombinedOutput(); err != nil {
			t.Skipf("mount --bind: %v: %s", err, out)
		}
		defer unmount(t, at)
		return mountedAt(t, at)
	}
	if m := bind(filepath.Join(disk, "b")); m.Point {
		t.Errorf("bound within its own file system: %+v", m)
	}
	whole := mountedAt(t, disk)
	if m := bind(t.TempDir()); !m.Point || !slices.Equal(m.Shared(whole), whole.Disks) {
		t.Errorf("bound elsewhere: %+v", m)
	}
}

// TestMountOfSubvolume: a subvolume of btrfs has a device number of its own, and is
// no mount point.
func TestMountOfSubvolume(t *testing.T) {
	disk := loopMount(t, "btrfs", "128M")
	sub := filepath.Join(disk, "sub")
	if out, err := exec.Command("btrfs", "subvolume", "create", sub).CombinedOutput(); err != nil {
		t.Skipf("btrfs subvolume create: %v: %s", err, out)
	}
	whole := mountedAt(t, disk)
	m := mountedAt(t, sub)
	if whole.Keeps != "btrfs" {
		t.Errorf("what btrfs keeps: %+v", whole)
	}
	if m.Device == whole.Device {
		t.Fatalf("the subvolume's device is its file system's: %s", m.Device)
	}
	if m.Point || !slices.Equal(m.Shared(whole), whole.Disks) {
		t.Errorf("not mounted: %+v", m)
	}
	at := t.TempDir()
	if out, err := exec.Command("mount", "-o", "subvol=sub", "/dev/"+whole.Disks[0], at).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	defer unmount(t, at)
	if m := mountedAt(t, at); !m.Point || !slices.Equal(m.Shared(whole), whole.Disks) {
		t.Errorf("mounted: %+v", m)
	}
}

// TestMountWithoutID: what a file system is mounted with is found where statx tells no id.
func TestMountWithoutID(t *testing.T) {
	for _, folder := range []string{"/dev/shm", "/", t.TempDir()} {
		want := mountedAt(t, folder)
		got, err := mountOn(0, folder)
		if err != nil || got.kind == "" || got.source != want.Source {
			t.Errorf("%s: %+v, %v; want %s", folder, got, err, want.Source)
		}
	}
}

func TestMountOfOthers(t *testing.T) {
	if m := mountedAt(t, "/dev/shm"); m.Filesystem != "tmpfs" || len(m.Disks) != 1 {
		t.Errorf("/dev/shm: %+v", m)
	}
	if m := mountedAt(t, "/"); m.Point || len(m.Disks) == 0 {
		t.Errorf("/: %+v", m)
	}
	if _, err := MountOf(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
