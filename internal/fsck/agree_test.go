package fsck

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/wire"
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
	huge, hugeIndex := pack, index
	huge.BodySize, huge.Segments, hugeIndex.BodySize, hugeIndex.Pages = 1<<40, 1<<20, 1024*987_136, 1024
	lost, noID, noRoot := pack, pack, pack
	lost.Lost, noID.ID, noRoot.Root = []byte{0, 1}, manifest.ID{}, [32]byte{}
	var out [][]byte
	for _, e := range []interface{ Encode() ([]byte, error) }{
		&manifest.Start{Scope: manifest.Scope{Job: id, Device: id, Generation: 1}, JobSerial: 1, JobSHA256: sum, Bays: 3, Unlocked: when},
		&manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: sum, Recipients: [][32]byte{sum, sum}, Check: [16]byte{5}, Generation: 1},
		&manifest.Event{Time: when, What: "disk-failed", Text: "why", Bay: 2},
		&pack, &index, &huge, &hugeIndex, &lost, &noID, &noRoot,
		&manifest.Start{Scope: manifest.Scope{Job: id, Device: manifest.ID{}, Generation: 1}, JobSerial: 1, JobSHA256: sum, Bays: 3},
		&manifest.WrapEntry{Kind: manifest.WrapHPKE, SHA256: sum, Check: [16]byte{5}, Generation: 1},
		&manifest.WrapEntry{Kind: manifest.WrapHPKE, Recipients: [][32]byte{sum}, Check: [16]byte{5}, Generation: 1},
		&manifest.Event{What: "note", Bay: 64}, &manifest.PageEntry{Length: 65536 + 106, Root: sum}, &manifest.PageEntry{Length: 65536 + 106, SHA256: sum},
		&manifest.PageEntry{Number: 2, IndexPack: 1, Offset: 8192, Length: 65536 + 106, SHA256: sum, Root: sum, Directory: true},
		&manifest.PageEntry{Number: 2, Offset: 1 << 40, Length: 983040 + 106, SHA256: sum, Root: sum}, &manifest.PageEntry{Length: 983040 + 65536 + 106, SHA256: sum, Root: sum},
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

// TestEntriesAgree: verifier and reader take the same entries of the log.
func TestEntriesAgree(t *testing.T) {
	tried, taken := 0, 0
	for _, seed := range sampleEntries(t) {
		told := 0
		try := func(b []byte) {
			_, ours := wire.ParseEntry(b)
			_, theirs := manifest.DecodeEntry(b)
			tried++
			if ours == nil {
				taken++
			}
			if (ours == nil) != (theirs == nil) && told < 5 {
				told++
				t.Errorf("kind %d: %x: verifier: %v, reader: %v", seed[1], b, ours, theirs)
			}
		}
		neighbours(seed, try)
		fieldVariants(t, seed[2:], func(b []byte) { try(append(seed[:2:2], b...)) })
		try(sized(seed, wire.MaxEntrySize))
		try(sized(seed, wire.MaxEntrySize+1))
	}
	t.Logf("figure: %d entries, %d taken", tried, taken)
}

// sampleRecords are of every kind, with and without what they may have.
func sampleRecords(t *testing.T) (all [][]byte) {
	t.Helper()
	sum, when := bytes.Repeat([]byte{7}, 32), time.Unix(1e9, 5)
	long := manifest.Record{Kind: manifest.KindFile, Path: "long", Size: 16<<20 + 1, SHA256: sum, PartSize: 16 << 20, Parts: [][]byte{sum, sum}, UnitCRCs: []uint64{1, 2}, HasCRC: true,
		Extents: []manifest.Extent{{Length: 16<<20 + 1, Hole: true}}}
	link := long
	link.Kind, link.Path, link.LinkGroup, link.LinkTo = manifest.KindHardlink, "link", 7, "long"
	for _, r := range []manifest.Record{
		{Kind: manifest.KindFile, Path: "a/b", Size: 3, Mode: 0o644, UID: 1, GID: 2, Owner: "o", Group: "g", Mtime: when, Ctime: when, SHA256: sum, CRC: 5, HasCRC: true, Allocated: 1,
			Extents: []manifest.Extent{{Length: 3}}, Xattrs: []manifest.Xattr{{Name: "user.x", Value: []byte("y")}, {Name: "user.y"}}, Remark: "unreadable", RemarkDetail: "why"},
		{Kind: manifest.KindFile, Path: "two", Size: 7, SHA256: sum, Extents: []manifest.Extent{{Length: 3, Pack: 1, PackOffset: 9}, {Offset: 3, Length: 4, Hole: true}}},
		{Kind: manifest.KindFile, Path: "empty", SHA256: sum},
		long, link,
		{Kind: manifest.KindDir, Path: "d", Mode: 0o755}, {Kind: manifest.KindSymlink, Path: "l", Size: 1, Target: "t"},
		{Kind: manifest.KindSkipped, Path: "s", Reason: "unreadable", Detail: "why"},
	} {
		raw, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw[0])
	}
	return all
}

// TestRecordsAgree: verifier and reader take the same records, as far as one record shows it:
// of one whose lists follow the reader looks at nothing more before these are there.
func TestRecordsAgree(t *testing.T) {
	tried, taken := 0, 0
	for _, seed := range sampleRecords(t) {
		told := 0
		try := func(b []byte) {
			var j manifest.Joiner
			r, theirs := j.Add(b)
			_, ours := ParseRecord(b)
			if kind, _, _, err := manifest.PeekRecord(b); err == nil && kind == manifest.KindContinuation || theirs == nil && r == nil {
				return // TestContinuationsAgree
			}
			tried++
			if ours == nil {
				taken++
			}
			if (ours == nil) != (theirs == nil) && told < 5 {
				told++
				t.Errorf("%x: verifier: %v, reader: %v", b, ours, theirs)
			}
		}
		neighbours(seed, try)
		fieldVariants(t, seed, try)
		listVariants(t, seed, try)
		try(sized(seed, wire.MaxRecordSize))
		try(sized(seed, wire.MaxRecordSize+1))
	}
	t.Logf("figure: %d records, %d taken", tried, taken)
}

// TestContinuationsAgree: a continuation record that the reader takes, the verifier takes, too.
func TestContinuationsAgree(t *testing.T) {
	sum := bytes.Repeat([]byte{7}, 32)
	value := make([]byte, 5000)
	for _, r := range []manifest.Record{
		{Kind: manifest.KindFile, Path: "a", SHA256: sum, Xattrs: []manifest.Xattr{{Name: "user.x", Value: value}, {Name: "user.y", Value: value}}},
		{Kind: manifest.KindDir, Path: strings.Repeat("d", manifest.MaxPath), Xattrs: []manifest.Xattr{{Name: "user.x", Value: value}, {Name: "user.y", Value: value}}},
	} {
		raw, err := r.Encode()
		if err != nil || len(raw) != 2 {
			t.Fatalf("%d records, %v", len(raw), err)
		}
		told := 0
		try := func(b []byte) {
			var j manifest.Joiner
			if _, err := j.Add(raw[0]); err != nil {
				t.Fatal(err)
			}
			_, theirs := j.Add(b)
			if _, ours := ParseRecord(b); theirs == nil && ours != nil && told < 5 {
				told++
				t.Errorf("%.200x: %v", b, ours)
			}
		}
		try(raw[1])
		fieldVariants(t, raw[1], try)
	}
}
