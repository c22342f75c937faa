package appliance

import (
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// frameFileOf is a journal file with the given frames after the header.
func frameFileOf(t testing.TB, frames []byte) vfs.File {
	m := vfs.NewMem(vfs.MemOptions{})
	file, err := m.Create("f", vfs.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file.WriteAt(append(frameFileHeader(journalKind, manifest.ID{7}, 3), frames...), 0)
	return file
}

func FuzzFrame(f *testing.F) {
	key, id := make([]byte, 32), manifest.ID{7}
	m := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 30})
	m.Mkdir(disk.Root, 0)
	m.Mkdir(disk.JournalDir, 0)
	store := frameStore{disk.Bays{{Disk: disk.Disk{Name: "d", FS: m}}}, key, 1}
	ff, err := store.create(journalKind, id, 3)
	if err != nil {
		f.Fatal(err)
	}
	ff.append([]byte("clear"), []byte("one"), true)
	ff.append(nil, []byte("two"), true)
	whole, err := vfs.ReadFile(m, ff.name, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[frameFileHead:])
	f.Add([]byte(frameMagic + "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		file := frameFileOf(t, b)
		cipher := store.cipher(journalKind, id)
		copies := &openCopies{list: []openCopy{{&disk.Bay{}, file}}}
		(&frameReader{cipher: cipher, copies: copies, at: frameFileHead}).next(true)
		copies.eachPart(0, true, func(p filePart) error {
			if p.whole {
				clearPart(p.raw)
			}
			return nil
		})
		parseFrameFileHeader(b)
		if len(b) >= frameFileHead {
			parseFrameFileHeader(b[:frameFileHead])
		}
	})
}
