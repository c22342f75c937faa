package vfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// card is a medium in a file, made by a mkfs program.
func card(t *testing.T, size string, mkfs ...string) string {
	t.Helper()
	program, err := exec.LookPath(mkfs[0])
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/" + mkfs[0]); err != nil {
			t.Skipf("%s is not installed", mkfs[0])
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	run(t, "truncate", "-s", size, image)
	run(t, program, append(mkfs[1:], image)...)
	return image
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// number changes a byte of an image.
func number(t *testing.T, image string, at int64) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err = f.ReadAt(b, at); err == nil {
		b[0]++
		_, err = f.WriteAt(b, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mountCard skips where nothing can be mounted.
func mountCard(t *testing.T, image, at, kind string) (unmount func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting takes root")
	}
	kinds, _ := os.ReadFile("/proc/filesystems")
	if !strings.Contains(string(kinds), "\t"+kind+"\n") {
		t.Skipf("this kernel has no %s", kind)
	}
	if kind == "fuseblk" {
		kind = "ntfs-3g"
	}
	if out, err := exec.Command("mount", "-t", kind, "-o", "loop", image, at).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	mounted := true
	unmount = func() {
		if mounted {
			mounted = false
			run(t, "umount", at)
		}
	}
	t.Cleanup(unmount)
	return unmount
}

func volumeAt(t *testing.T, path string) Volume {
	t.Helper()
	tree, err := OSTree(path)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	return tree.Volume()
}

// TestVolumeOfTwoCards: two media in turn at one mount point, and on one loop
// device, are two; a medium that comes back is the same.
func TestVolumeOfTwoCards(t *testing.T) {
	for _, test := range []struct {
		kind string
		mkfs []string
		want Volume
	}{
		{"ext4", []string{"mkfs.ext4", "-q", "-I", "256"}, Volume{StableInodes: true, TrustHoles: true}},
		{"ext4", []string{"mkfs.ext4", "-q", "-I", "128"}, Volume{StableInodes: true, TrustHoles: true, Coarse: time.Second}},
		{"vfat", []string{"mkfs.vfat"}, Volume{Coarse: 2 * time.Second}},
		{"exfat", []string{"mkfs.exfat"}, Volume{Coarse: 2 * time.Second}},
		{"xfs", []string{"mkfs.xfs", "-q"}, Volume{StableInodes: true, TrustHoles: true}},
		{"btrfs", []string{"mkfs.btrfs", "-q"}, Volume{StableInodes: true, TrustHoles: true}},
		{"fuseblk", []string{"mkntfs", "-F", "-Q", "-q"}, Volume{Remote: true}},
	} {
		t.Run(strings.Join(test.mkfs, " "), func(t *testing.T) {
			images := [2]string{card(t, "310M", test.mkfs...), card(t, "310M", test.mkfs...)}
			if test.kind == "fuseblk" { // mkntfs draws the serial from a clock of ten seconds
				number(t, images[1], 0x48)
			}
			at := t.TempDir()
			var seen [3]Volume
			for i := range seen {
				unmount := mountCard(t, images[i%2], at, test.kind)
				seen[i] = volumeAt(t, at)
				unmount()
			}
			if seen[0].ID == "" || seen[0].ID == seen[1].ID || seen[0].Root == "" || seen[0] != seen[2] {
				t.Errorf("two media and the first again: %+v", seen)
			}
			test.want.FS, test.want.ID, test.want.Root = test.kind, seen[0].ID, seen[0].Root
			if seen[0] != test.want {
				t.Errorf("%+v, want %+v", seen[0], test.want)
			}
		})
	}
}

// TestVolumeRoot: one folder has one root, by whichever mount it is reached; two
// folders of one file system have two.
func TestVolumeRoot(t *testing.T) {
	at := t.TempDir()
	mountCard(t, card(t, "8M", "mkfs.ext4", "-q"), at, "ext4")
	a, b := filepath.Join(at, "a"), filepath.Join(at, "b")
	for _, dir := range []string{a, b} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bound := t.TempDir()
	run(t, "mount", "--bind", a, bound)
	t.Cleanup(func() { run(t, "umount", bound) })
	if volumeAt(t, a) != volumeAt(t, bound) {
		t.Errorf("%+v, bound elsewhere %+v", volumeAt(t, a), volumeAt(t, bound))
	}
	if va, vb := volumeAt(t, a), volumeAt(t, b); va.ID != vb.ID || va.Root == vb.Root {
		t.Errorf("%+v, %+v", va, vb)
	}
}

// TestVolumeOfTmpfs: a new tmpfs at the same place is another one, or has no identity.
func TestVolumeOfTmpfs(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting takes root")
	}
	at := t.TempDir()
	var ids [2]string
	for i := range ids {
		run(t, "mount", "-t", "tmpfs", "none", at)
		ids[i] = volumeAt(t, at).ID
		run(t, "umount", at)
	}
	if ids[0] != "" && ids[0] == ids[1] {
		t.Errorf("two have the same identity %q", ids[0])
	}
}

// TestSuperblocks: what mkfs wrote is read from the image, as the kernel need not
// know the file system for it.
func TestSuperblocks(t *testing.T) {
	for _, test := range []struct {
		kind, want string
		mkfs       []string
	}{
		{"vfat", "1234-ABCD", []string{"mkfs.vfat", "-F", "16", "-i", "1234abcd"}},
		{"vfat", "1234-ABCD", []string{"mkfs.vfat", "-F", "32", "-i", "1234abcd"}},
		{"exfat", "????-????", []string{"mkfs.exfat"}},
		{"ext4", "01234567-89ab-cdef-0123-456789abcdef", []string{"mkfs.ext4", "-q", "-U", "01234567-89ab-cdef-0123-456789abcdef"}},
		{"xfs", "01234567-89ab-cdef-0123-456789abcdef", []string{"mkfs.xfs", "-q", "-m", "uuid=01234567-89ab-cdef-0123-456789abcdef"}},
		{"f2fs", "01234567-89ab-cdef-0123-456789abcdef", []string{"mkfs.f2fs", "-q", "-U", "01234567-89ab-cdef-0123-456789abcdef"}},
		{"ntfs", "????????????????", []string{"mkntfs", "-F", "-Q", "-q"}},
		{"hfsplus", "????????????????", []string{"mkfs.hfsplus"}},
	} {
		t.Run(strings.Join(test.mkfs, " "), func(t *testing.T) {
			f, err := os.Open(card(t, "310M", test.mkfs...))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if got := readSuperblock(f, test.kind).id; got != test.want && (test.want[0] != '?' || len(got) != len(test.want)) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if got := readSuperblock(f, "squashfs"); got.id != "" {
				t.Errorf("of a kind without one: %q", got.id)
			}
		})
	}
}
