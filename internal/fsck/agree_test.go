package fsck

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// neighbours are a message's nearest wrong ones: each byte changed, left out or doubled.
func neighbours(b []byte, f func(b []byte)) {
	f(b)
	for i := range b {
		for _, v := range []byte{b[i] ^ 1, b[i] ^ 0x80, b[i] + 2, 0, 0xff} {
			c := bytes.Clone(b)
			c[i] = v
			f(c)
		}
		f(slices.Delete(bytes.Clone(b), i, i+1))
		f(slices.Insert(bytes.Clone(b), i, b[i]))
		f(b[:i])
	}
}

func sampleEntries(t *testing.T) [][]byte {
	t.Helper()
	id, sum, when := manifest.ID{1, 2}, [32]byte{3, 4}, time.Unix(1e9, 5)
	pack := manifest.Pack{Number: 3, ID: id, Header: append([]byte{0, 0, 0, 16, 0, 0, 0, 0, 0, 32}, make([]byte, 64)...), Geometry: manifest.Geometry{K: 2, M: 1, BlockSize: 4096},
		BodySize: 5000, Segments: 1, Bays: []byte{2, 0, 1}, Root: sum, Pieces: [][32]byte{sum, sum, sum}, Lost: []byte{1}}
	index := pack
	index.Header, index.Segments, index.FirstPage, index.Pages, index.FirstPath = nil, 0, 7, 2, bytes.Repeat([]byte{9}, manifest.FirstPathBox)
	lost, noID, noRoot := pack, pack, pack
	lost.Lost, noID.ID, noRoot.Root = []byte{0, 1}, manifest.ID{}, [32]byte{}
	var out [][]byte
	for _, e := range []interface{ Encode() ([]byte, error) }{
		&manifest.Start{Scope: manifest.Scope{Job: id, Device: id, Generation: 1}, JobSerial: 1, JobSHA256: sum, Bays: 3, Unlocked: when},
		&manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: sum, Recipients: [][32]byte{sum, sum}, Check: [16]byte{5}, Generation: 1},
		&manifest.Event{Time: when, What: "disk-failed", Text: "why", Bay: 2},
		&pack, &index, &lost, &noID, &noRoot,
		&manifest.Start{Scope: manifest.Scope{Job: id, Device: manifest.ID{}, Generation: 1}, JobSerial: 1, JobSHA256: sum, Bays: 3},
		&manifest.WrapEntry{Kind: manifest.WrapHPKE, SHA256: sum, Check: [16]byte{5}, Generation: 1},
		&manifest.WrapEntry{Kind: manifest.WrapHPKE, Recipients: [][32]byte{sum}, Check: [16]byte{5}, Generation: 1},
		&manifest.Event{What: "note", Bay: 64}, &manifest.PageEntry{Length: 65536 + 106, Root: sum}, &manifest.PageEntry{Length: 65536 + 106, SHA256: sum},
		&manifest.PageEntry{Number: 2, IndexPack: 1, Offset: 8192, Length: 65536 + 106, SHA256: sum, Root: sum, Directory: true},
		&manifest.End{Packs: 1, Pages: 2, IndexPacks: 1, FirstPack: 3, FirstPage: 4, FirstIndex: 6, BodySize: 9, Totals: bytes.Repeat([]byte{1}, manifest.TotalsBox)},
	} {
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// TestEntriesAgree: an entry of the log that the verifier takes, the reader takes, too. The
// other way round each command asks the verifier first.
func TestEntriesAgree(t *testing.T) {
	tried, taken := 0, 0
	for _, seed := range sampleEntries(t) {
		told := 0
		neighbours(seed, func(b []byte) {
			_, ours := parseEntry(b)
			_, theirs := manifest.DecodeEntry(b)
			tried++
			if ours == nil {
				taken++
			}
			if ours == nil && theirs != nil && told < 5 {
				told++
				t.Errorf("kind %d: %x: %v", seed[1], b, theirs)
			}
		})
	}
	t.Logf("figure: %d entries, %d taken", tried, taken)
}

// TestRecordsAgree: a record that the reader takes, the verifier takes in a list of objects.
func TestRecordsAgree(t *testing.T) {
	sum, when := bytes.Repeat([]byte{7}, 32), time.Unix(1e9, 5)
	for _, r := range []manifest.Record{
		{Kind: manifest.KindFile, Path: "a/b", Size: 3, Mode: 0o644, UID: 1, GID: 2, Owner: "o", Group: "g", Mtime: when, Ctime: when, SHA256: sum, CRC: 5, HasCRC: true,
			Extents: []manifest.Extent{{Length: 3}}, Xattrs: []manifest.Xattr{{Name: "user.x", Value: []byte("y")}}, Remark: "unreadable", RemarkDetail: "why"},
		{Kind: manifest.KindFile, Path: "long", Size: 16<<20 + 1, SHA256: sum, PartSize: 16 << 20, Parts: [][]byte{sum, sum}, UnitCRCs: []uint64{1, 2}, HasCRC: true,
			Extents: []manifest.Extent{{Length: 16<<20 + 1, Hole: true}}},
		{Kind: manifest.KindDir, Path: "d", Mode: 0o755}, {Kind: manifest.KindSymlink, Path: "l", Size: 1, Target: "t"},
		{Kind: manifest.KindSkipped, Path: "s", Reason: "unreadable", Detail: "why"},
	} {
		raw, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		neighbours(raw[0], func(b []byte) {
			_, theirs := manifest.DecodeRecord(b)
			if _, ours := ParseRecord(b); theirs == nil && ours != nil && told < 5 {
				told++
				t.Errorf("%v: %s: %v", r.Kind, fmt.Sprintf("%x", b), ours)
			}
		})
	}
}
