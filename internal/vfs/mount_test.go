package vfs

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

const mountinfo = `22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
91 28 8:17 / /mnt/bay\0400 rw,relatime shared:40 master:2 - ext4 /dev/sdb1 rw,data=journal
92 28 0:52 /@data /mnt/bay1 rw - btrfs /dev/mapper/vg-lv rw,subvol=/@data
93 28 0:60 / /mnt/s3 rw - fuse.rclone remote: rw,user_id=0
94 28 0:61 / /mnt/none rw - tmpfs  rw
95 28 0:62 / /mnt/z rw - zfs tank/a\134b rw
`

func TestFindMount(t *testing.T) {
	for _, want := range []mountEntry{
		{28, "254:0", "/", "/", "ext4", "/dev/vda", "rw"},
		{91, "8:17", "/", "/mnt/bay 0", "ext4", "/dev/sdb1", "rw,data=journal"},
		{92, "0:52", "/@data", "/mnt/bay1", "btrfs", "/dev/mapper/vg-lv", "rw,subvol=/@data"},
		{93, "0:60", "/", "/mnt/s3", "fuse.rclone", "remote:", "rw,user_id=0"},
		{94, "0:61", "/", "/mnt/none", "tmpfs", "", "rw"},
		{95, "0:62", "/", "/mnt/z", "zfs", `tank/a\b`, "rw"},
	} {
		if got, err := findMount(mountinfo, want.id); err != nil || got != want {
			t.Errorf("mount %d: %+v, %v; want %+v", want.id, got, err, want)
		}
	}
	if _, err := findMount(mountinfo, 7); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a mount that is not there: %v", err)
	}
	for _, bad := range []string{"x\n", "1 2 3\n", "1 2 0:1 / / rw ext4 /dev/a rw\n", "one 2 0:1 / / rw - ext4 a rw\n"} {
		if _, err := findMount(bad, 7); !errors.Is(err, errMountinfo) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// fakeSysfs is a sysfs in memory: links by name, folders by what lies below them.
type fakeSysfs map[string]string

func (s fakeSysfs) Readlink(name string) (string, error) {
	if target := s[name]; target != "" {
		return target, nil
	}
	return "", fs.ErrNotExist
}

func (s fakeSysfs) Exists(name string) bool {
	for have := range s {
		if have == name || strings.HasPrefix(have, name+"/") {
			return true
		}
	}
	return false
}

func (s fakeSysfs) ReadDir(name string) ([]string, error) {
	found := map[string]bool{}
	for have := range s {
		if rest, ok := strings.CutPrefix(have, name+"/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			found[first] = true
		}
	}
	if len(found) == 0 {
		return nil, fs.ErrNotExist
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// block adds a device; one that is made of others names them as its slaves.
func (s fakeSysfs) block(number, at string, slaves ...string) fakeSysfs {
	s["dev/block/"+number] = at
	s[at+"/size"] = "1"
	for _, below := range slaves {
		s[at+"/slaves/"+path.Base(below)] = below
	}
	return s
}

func (s fakeSysfs) partition(number, at string) fakeSysfs {
	s[at+"/partition"] = "1"
	return s.block(number, at)
}

const (
	sda  = "devices/pci/ata1/block/sda"
	sdb  = "devices/pci/ata2/block/sdb"
	sdc  = "devices/pci/ata3/block/sdc"
	nvme = "devices/pci/nvme/nvme0/nvme0n1"
	dm   = "devices/virtual/block/dm-"
)

func fixture() fakeSysfs {
	s := fakeSysfs{}
	s.block("8:0", sda).partition("8:1", sda+"/sda1").partition("8:2", sda+"/sda2")
	s.block("8:16", sdb).partition("8:17", sdb+"/sdb1").block("8:32", sdc)
	s.block("259:0", nvme).partition("259:1", nvme+"/nvme0n1p1")
	s.block("7:0", "devices/virtual/block/loop0").block("7:1", "devices/virtual/block/loop1")
	s.block("9:0", "devices/virtual/block/md0", sda+"/sda2", sdb+"/sdb1")
	s.block("253:0", dm+"0", sda+"/sda1")                                     // dm-crypt
	s.block("253:1", dm+"1", dm+"0", "devices/virtual/block/md0")             // a volume over both
	s.block("252:0", "devices/virtual/block/bcache0", sdb, nvme+"/nvme0n1p1") // a disk and its cache
	s.block("252:1", "devices/virtual/block/bcache1", sdc, nvme+"/nvme0n1p1")
	s["fs/btrfs/features/x"] = "1"
	for _, member := range []string{sdb, sdc} {
		s["fs/btrfs/0f-uuid/devices/"+path.Base(member)] = member
	}
	return s
}

func TestDisksBelow(t *testing.T) {
	s := fixture()
	for _, c := range []struct {
		device string
		want   string
	}{
		{"8:16", "sdb"}, {"8:1", "sda"}, {"8:2", "sda"}, {"259:1", "nvme0n1"}, {"7:0", "loop0"}, {"7:1", "loop1"},
		{"9:0", "sda sdb"}, {"253:0", "sda"}, {"253:1", "sda sdb"}, {"252:0", "nvme0n1 sdb"}, {"252:1", "nvme0n1 sdc"},
	} {
		if got, err := disksBelow(s, c.device); err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("device %s: %v, %v; want %s", c.device, got, err, c.want)
		}
	}
	if _, err := disksBelow(s, "8:99"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a device that is not there: %v", err)
	}
	s.block("253:9", dm+"9", dm+"9")
	if _, err := disksBelow(s, "253:9"); err == nil {
		t.Error("a device that is below itself has disks")
	}
}

func TestBtrfsDisks(t *testing.T) {
	s := fixture()
	for device, want := range map[string]string{"8:16": "sdb sdc", "8:32": "sdb sdc", "7:0": "loop0"} {
		if got, err := btrfsDisks(s, device); err != nil || strings.Join(got, " ") != want {
			t.Errorf("device %s: %v, %v; want %s", device, got, err, want)
		}
	}
}

func TestShared(t *testing.T) {
	s := fixture()
	mount := func(device string) *Mount {
		disks, err := disksBelow(s, device)
		if err != nil {
			t.Fatal(err)
		}
		return &Mount{Disks: disks}
	}
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{"8:1", "8:2", []string{"sda"}}, {"8:1", "8:17", nil}, {"7:0", "7:1", nil}, {"252:0", "252:1", []string{"nvme0n1"}},
		{"9:0", "253:0", []string{"sda"}}, {"253:1", "9:0", []string{"sda", "sdb"}},
	} {
		if got := mount(c.a).Shared(mount(c.b)); !slices.Equal(got, c.want) {
			t.Errorf("%s and %s share %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
