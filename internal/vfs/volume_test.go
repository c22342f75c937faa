package vfs

import (
	"bytes"
	"strings"
	"testing"
)

// put writes text into a copy of an image of zeros.
func put(image []byte, at int, text string) []byte {
	image = bytes.Clone(image)
	copy(image[at:], text)
	return image
}

// TestSuperblockBytes needs no program: the fields at their documented places.
func TestSuperblockBytes(t *testing.T) {
	blank := make([]byte, superblockBytes)
	fat := put(blank, 510, "\x55\xaa")
	for _, test := range []struct {
		name, kind string
		image      []byte
		want       string
	}{
		{"FAT32", "vfat", put(put(fat, 66, "\x29"), 67, "\x78\x56\x34\x12"), "1234-5678"},
		{"FAT16", "vfat", put(put(put(fat, 22, "\x20\x00"), 38, "\x29"), 39, "\x78\x56\x34\x12"), "1234-5678"},
		{"FAT without a serial", "vfat", put(fat, 66, "\x00"), ""},
		{"FAT with a serial of 0", "vfat", put(fat, 66, "\x29"), ""},
		{"FAT over an old exFAT", "vfat", put(put(blank, 3, "EXFAT   "), 100, "abcd"), ""},
		{"exFAT", "exfat", put(put(blank, 3, "EXFAT   "), 100, "\x78\x56\x34\x12"), "1234-5678"},
		{"exFAT by FUSE", "fuseblk", put(put(blank, 3, "EXFAT   "), 100, "\x78\x56\x34\x12"), "1234-5678"},
		{"NTFS by FUSE", "fuseblk", put(put(blank, 3, "NTFS    "), 0x48, "\x08\x07\x06\x05\x04\x03\x02\x01"), "0102030405060708"},
		{"HFS+", "hfsplus", put(put(blank, 1024, "H+"), 1024+104, "\x01\x02\x03\x04\x05\x06\x07\x08"), "0102030405060708"},
		{"ISO 9660", "iso9660", put(put(put(blank, 32769, "CD001"), 32768+813, "2024010203040506"), 32768+830, "0000000000000000"), "2024-01-02-03-04-05-06"},
		{"another kind", "squashfs", put(blank, 3, "NTFS    "), ""},
		{"nothing", "ext4", blank, ""},
	} {
		if got := readSuperblock(bytes.NewReader(test.image), test.kind).id; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := readSuperblock(strings.NewReader("short"), "vfat"); got.id != "" {
		t.Errorf("of a short device: %q", got.id)
	}
}

// TestMountinfo: names with spaces, fields that are optional, part of a file system.
func TestMountinfo(t *testing.T) {
	const table = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
		"30 22 8:17 /DCIM /media/my\\040card rw - vfat /dev/sdb1 rw\n" +
		"31 22 0:50 / /mnt/nfs rw shared:7 master:2 - nfs4 server:/export/a rw,addr=10.0.0.1\n" +
		"broken\n"
	m, err := findMount(table, 30)
	if want := (mountEntry{30, "8:17", "/DCIM", "/media/my card", "vfat", "/dev/sdb1", "rw"}); err != nil || m != want {
		t.Errorf("%+v", m)
	}
	for full, want := range map[string]string{"/media/my card": "/DCIM", "/media/my card/a": "/DCIM/a", "/media/my cards": "", "/": ""} {
		if got, ok := m.within(full); got != want || ok != (want != "") {
			t.Errorf("%s: %q", full, got)
		}
	}
	if m, err = findMount(table, 22); err != nil {
		t.Fatal("no root")
	}
	if got, ok := m.within("/a/b"); got != "/a/b" || !ok {
		t.Errorf("%q", got)
	}
	if _, err := findMount(table, 2); err == nil {
		t.Error("found a mount that is not there")
	}
}

// TestNetworkID: by the server's name and path, of NFS whatever its version.
func TestNetworkID(t *testing.T) {
	for _, test := range []struct{ fs, source, want string }{
		{"nfs", "server:/a", "net:nfs:server:/a"},
		{"nfs4", "server:/a", "net:nfs:server:/a"},
		{"smb3", "//server/share", "net:cifs://server/share"},
		{"fuse.sshfs", "me@host:/data", "net:sshfs:me@host:/data"},
		{"fuse.rclone", "rclone", ""},
		{"9p", "none", ""},
		{"9p", "share", "net:9p:share"},
	} {
		if got := kindOf(test.fs).networkID(test.fs, test.source); got != test.want {
			t.Errorf("%s of %s: %q, want %q", test.source, test.fs, got, test.want)
		}
	}
	if kindOf("overlay") != (volumeKind{}) || !kindOf("fuse.any").remote || kindOf("fuse.any").source != "" {
		t.Error("a kind that nobody knows is trusted")
	}
}
