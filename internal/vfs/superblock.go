package vfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// superblock is what a file system's first blocks say of it.
type superblock struct {
	id     string // as /dev/disk/by-uuid has it; empty: none
	coarse time.Duration
}

// superblockBytes holds every superblock that is looked at.
const superblockBytes = 34 << 10

// readSuperblock reads the superblock of a file system of the kind that is
// mounted: what an earlier file system left elsewhere on the device is not looked
// at.
func readSuperblock(device io.ReaderAt, kind string) superblock {
	b := make([]byte, superblockBytes)
	if n, err := device.ReadAt(b, 0); err != nil && err != io.EOF || n < 2048 {
		return superblock{}
	}
	switch kind {
	case "ext2", "ext3", "ext4":
		return extSuperblock(b[1024:])
	case "xfs":
		return magicUUID(b, "XFSB", b[32:])
	case "f2fs":
		return magicUUID(b[1024:], "\x10\x20\xf5\xf2", b[1024+108:])
	case "vfat", "msdos":
		return fatSuperblock(b)
	case "exfat":
		return exfatSuperblock(b)
	case "ntfs", "ntfs3":
		return ntfsSuperblock(b)
	case "fuseblk":
		if s := ntfsSuperblock(b); s.id != "" {
			return s
		}
		return exfatSuperblock(b)
	case "hfsplus":
		return hfsSuperblock(b[1024:])
	case "iso9660":
		return isoSuperblock(b[32<<10:])
	}
	return superblock{}
}

func extSuperblock(b []byte) superblock {
	s := magicUUID(b[0x38:], "\x53\xef", b[0x68:])
	if s.id != "" && binary.LittleEndian.Uint16(b[0x58:]) == 128 { // bytes of an inode: no room for nanoseconds
		s.coarse = time.Second
	}
	return s
}

// magicUUID is the UUID behind a magic; one of zeros is none.
func magicUUID(b []byte, magic string, uuid []byte) superblock {
	if !bytes.HasPrefix(b, []byte(magic)) {
		return superblock{}
	}
	return superblock{id: formatUUID(uuid)}
}

func formatUUID(b []byte) string {
	if allZero(b[:16]) {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// fatSuperblock: the serial stands at 39 in FAT12 and FAT16, at 67 in FAT32, whose
// 16-bit length of a FAT is 0; 0x29 or 0x28 before it says that there is one.
func fatSuperblock(b []byte) superblock {
	at := 39
	if binary.LittleEndian.Uint16(b[22:]) == 0 {
		at = 67
	}
	if b[510] != 0x55 || b[511] != 0xaa || b[at-1]&^1 != 0x28 {
		return superblock{}
	}
	return serial(b[at:])
}

func exfatSuperblock(b []byte) superblock {
	if !bytes.HasPrefix(b[3:], []byte("EXFAT   ")) {
		return superblock{}
	}
	return serial(b[100:])
}

func serial(b []byte) superblock {
	v := binary.LittleEndian.Uint32(b)
	if v == 0 {
		return superblock{}
	}
	return superblock{id: formatSerial(v)}
}

func formatSerial(v uint32) string { return fmt.Sprintf("%04X-%04X", v>>16, v&0xffff) }

func ntfsSuperblock(b []byte) superblock {
	v := binary.LittleEndian.Uint64(b[0x48:])
	if !bytes.HasPrefix(b[3:], []byte("NTFS    ")) || v == 0 {
		return superblock{}
	}
	return superblock{id: fmt.Sprintf("%016X", v)}
}

// hfsSuperblock: the last eight bytes of the Finder's information are the
// volume's own. The name in by-uuid is a hash of them.
func hfsSuperblock(b []byte) superblock {
	id := b[104:112]
	if sig := string(b[:2]); sig != "H+" && sig != "HX" || allZero(id) {
		return superblock{}
	}
	return superblock{id: fmt.Sprintf("%X", id)}
}

// isoSuperblock: the primary volume descriptor's time of modification, or else of
// creation, is all that tells two discs apart.
func isoSuperblock(b []byte) superblock {
	if !bytes.HasPrefix(b[1:], []byte("CD001")) {
		return superblock{}
	}
	for _, at := range []int{830, 813} {
		d := b[at : at+16]
		if len(bytes.Trim(d, "0 \x00")) > 0 && len(bytes.Trim(d, "0123456789")) == 0 {
			return superblock{id: fmt.Sprintf("%s-%s-%s-%s-%s-%s-%s", d[:4], d[4:6], d[6:8], d[8:10], d[10:12], d[12:14], d[14:16])}
		}
	}
	return superblock{}
}
