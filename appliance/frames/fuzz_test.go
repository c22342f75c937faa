package frames

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
	file.WriteAt(append(Header(Journal, manifest.ID{7}, 3), frames...), 0)
	return file
}

func FuzzFrame(f *testing.F) {
	key, id := make([]byte, 32), manifest.ID{7}
	m := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 30})
	m.Mkdir(disk.Root, 0)
	m.Mkdir(disk.JournalDir, 0)
	store := Store{disk.Bays{{Disk: disk.Disk{Name: "d", FS: m}}}, key, 1}
	ff, err := store.Create(Journal, id, 3)
	if err != nil {
		f.Fatal(err)
	}
	ff.Append([]byte("clear"), []byte("one"), true)
	ff.Append(nil, []byte("two"), true)
	whole, err := vfs.ReadFile(m, ff.Name, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[HeaderSize:])
	f.Add([]byte(Magic + "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		file := frameFileOf(t, b)
		cipher := store.cipher(Journal, id)
		copies := &Copies{list: []openCopy{{&disk.Bay{}, file}}}
		(&frameReader{cipher: cipher, copies: copies, at: HeaderSize}).next(true)
		copies.EachPart(0, true, func(p Part) error {
			if p.Whole {
				ClearPart(p.Raw)
			}
			return nil
		})
		ParseHeader(b)
		if len(b) >= HeaderSize {
			ParseHeader(b[:HeaderSize])
		}
	})
}
