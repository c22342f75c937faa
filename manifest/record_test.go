package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// join feeds records to a Joiner and returns the entry.
func join(records [][]byte) (*Record, error) {
	var j Joiner
	for i, b := range records {
		r, err := j.Add(b)
		if err != nil {
			return nil, err
		}
		if (r != nil) != (i == len(records)-1) || j.Pending() != (r == nil) {
			return nil, fmt.Errorf("record %d of %d: whole %v, pending %v", i, len(records), r != nil, j.Pending())
		}
		if r != nil {
			return r, nil
		}
	}
	return nil, errors.New("no records")
}

func TestRecordRoundTrip(t *testing.T) {
	hole := fileRecord("sparse")
	hole.Size, hole.Extents = 100, []Extent{{Length: 60, Hole: true}, {Offset: 60, Length: 40}}
	parts := fileRecord("parts only")
	parts.Size = UnitSize + 1
	parts.PartSize, parts.Parts, parts.UnitCRCs, parts.SHA256 = UnitSize, [][]byte{digestOf(1), digestOf(2)}, []uint64{0, 1}, nil
	parts.Extents = []Extent{{Length: UnitSize + 1}}
	hard := fileRecord("second name")
	hard.Kind, hard.LinkTo = KindHardlink, "first/name"
	for _, r := range []*Record{
		fileRecord("a"), hole, parts, hard, largeRecord("large"),
		{Kind: KindFile, Path: "empty", SHA256: digestOf(0)},
		{Kind: KindFile, Path: strings.Repeat("d/", 2047) + "\xff\x01", SHA256: digestOf(0)},
		{Kind: KindDir, Path: "dir/sub", Mode: 0o1777},
		{Kind: KindSymlink, Path: "link", Target: "../\xfe", Size: 4},
		{Kind: KindSkipped, Path: "gone", Reason: "vanished", Detail: "not there any more"},
	} {
		b := encode(t, r)
		got, err := join(b)
		if err != nil {
			t.Errorf("%s: %v", r.Path, err)
			continue
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: read back as %+v", r.Path, got)
		}
		for i, again := range encode(t, got) {
			if !bytes.Equal(again, b[i]) {
				t.Errorf("%s: record %d encoded otherwise the second time", r.Path, i)
			}
			if len(again) > MaxRecord {
				t.Errorf("%s: record %d has %d bytes", r.Path, i, len(again))
			}
		}
		for i := range b {
			kind, path, cont, err := PeekRecord(b[i])
			if err != nil || cont != i || i == 0 && (kind != r.Kind || path != r.Path) || i > 0 && path != r.OrderKey() {
				t.Errorf("%s: record %d peeked as %v %q %d, %v", r.Path, i, kind, path, cont, err)
			}
		}
	}
	if n := len(encode(t, largeRecord("large"))); n < 9 {
		t.Errorf("the large record takes %d records; it should spread all four lists", n)
	}
}

func TestRecordDecodeWhole(t *testing.T) {
	long := encode(t, largeRecord("large"))
	if r, err := DecodeRecord(long[0]); err != nil || r.Path != "large" || r.Parts != nil {
		t.Errorf("head of a long record: %v", err)
	}
	if _, err := DecodeRecord(long[1]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("continuation record taken for a record: %v", err)
	}
	if r, err := PeekHead(long[0]); err != nil || r.Size != largeRecord("").Size {
		t.Errorf("peek at a long record: %v", err)
	}
}

// TestJoinerRefuses breaks the order of continuation records in every way.
func TestJoinerRefuses(t *testing.T) {
	a, b := encode(t, largeRecord("a")), encode(t, largeRecord("b"))
	short := encode(t, fileRecord("s"))
	other := largeRecord("a")
	other.Parts[4000] = digestOf(-1)
	changed := encode(t, other)
	with := func(at int, b []byte) [][]byte {
		out := append([][]byte(nil), a...)
		out[at] = b
		return out
	}
	swapped := append([][]byte(nil), a...)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	cases := map[string][][]byte{
		"missing first":             append([][]byte{a[0]}, a[2:]...),
		"missing in the middle":     append(append([][]byte(nil), a[:3]...), a[4:]...),
		"twice":                     {a[0], a[1], a[1]},
		"wrong order":               swapped,
		"of another entry":          with(2, b[2]),
		"next entry too early":      {a[0], a[1], short[0]},
		"next long entry too early": {a[0], b[0]},
		"record twice":              {a[0], a[0]},
		"without a record":          {a[1]},
		"after a whole record":      {short[0], a[1]},
		"an item changed":           with(3, changed[3]),
		"head of another":           append([][]byte{changed[0]}, a[1:]...),
	}
	for at := 1; at < len(a); at++ {
		cut := append(append([][]byte(nil), a[:at]...), short[0])
		cases[fmt.Sprintf("cut before %d", at)] = cut
	}
	for name, records := range cases {
		var j Joiner
		var err error
		for _, b := range records {
			var r *Record
			if r, err = j.Add(b); err != nil {
				break
			}
			if r != nil && r.Path == "a" {
				t.Errorf("%s: taken for whole", name)
			}
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// What is cut off at the end is seen by Pending.
	var j Joiner
	for _, b := range a[:len(a)-1] {
		if _, err := j.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if !j.Pending() {
		t.Error("an entry without its last continuation is not pending")
	}
}

// TestDirectoryOrder: a directory's continuations name its order key.
func TestDirectoryOrder(t *testing.T) {
	r := &Record{Kind: KindDir, Path: "dir", Xattrs: []Xattr{{Name: "user.x", Value: make([]byte, 9000)}}}
	b := encode(t, r)
	if len(b) != 2 {
		t.Fatalf("%d records", len(b))
	}
	if _, path, _, _ := PeekRecord(b[1]); path != "dir/" {
		t.Errorf("continuation of %q", path)
	}
	if _, err := join(b); err != nil {
		t.Error(err)
	}
	if CompareKeys("a-b", "a/") >= 0 || CompareKeys("a/", "a/b") >= 0 || CompareKeys("a", "a\x01") >= 0 || CompareKeys("\xff", "z") <= 0 {
		t.Error("order keys are not compared as bytes")
	}
}

// TestRecordRules breaks every rule that a whole record must satisfy. What
// Encode refuses Decode refuses, too, where it can be written down at all.
func TestRecordRules(t *testing.T) {
	long := func(f func(*Record)) *Record {
		r := fileRecord("x")
		r.Size = 2*UnitSize + 1
		r.PartSize, r.Parts, r.UnitCRCs = UnitSize, [][]byte{digestOf(1), digestOf(2), digestOf(3)}, []uint64{1, 2, 3}
		r.Extents = []Extent{{Length: r.Size}}
		f(r)
		return r
	}
	if _, err := long(func(*Record) {}).Encode(); err != nil {
		t.Fatal(err)
	}
	short := func(f func(*Record)) *Record {
		r := fileRecord("x")
		f(r)
		return r
	}
	for name, r := range map[string]*Record{
		"no kind":                     {Path: "x"},
		"reserved kind":               {Kind: kindWithdrawn, Path: "x"},
		"continuation kind":           {Kind: KindContinuation, Path: "x"},
		"no path":                     {Kind: KindDir},
		"path too long":               {Kind: KindDir, Path: strings.Repeat("x", MaxPath+1)},
		"absolute path":               {Kind: KindDir, Path: "/x"},
		"path ends in a slash":        {Kind: KindDir, Path: "x/"},
		"empty component":             {Kind: KindDir, Path: "x//y"},
		"dot":                         {Kind: KindDir, Path: "x/./y"},
		"dot dot":                     {Kind: KindDir, Path: "../y"},
		"only dot dot":                {Kind: KindDir, Path: ".."},
		"NUL":                         {Kind: KindDir, Path: "x\x00y"},
		"directory with a size":       {Kind: KindDir, Path: "x", Size: 1},
		"symlink without a target":    {Kind: KindSymlink, Path: "x"},
		"symlink with another size":   {Kind: KindSymlink, Path: "x", Target: "abc", Size: 4},
		"symlink target too long":     {Kind: KindSymlink, Path: "x", Target: strings.Repeat("x", MaxPath+1), Size: MaxPath + 1},
		"skipped without a reason":    {Kind: KindSkipped, Path: "x"},
		"hard link without a group":   short(func(r *Record) { r.Kind, r.LinkTo, r.LinkGroup = KindHardlink, "y", 0 }),
		"hard link without a name":    short(func(r *Record) { r.Kind, r.LinkTo = KindHardlink, "" }),
		"hard link out of the root":   short(func(r *Record) { r.Kind, r.LinkTo = KindHardlink, "../y" }),
		"hard link to an absolute":    short(func(r *Record) { r.Kind, r.LinkTo = KindHardlink, "/y" }),
		"file without a digest":       short(func(r *Record) { r.SHA256 = nil }),
		"digest too short":            short(func(r *Record) { r.SHA256 = r.SHA256[:31] }),
		"digest too short beside":     long(func(r *Record) { r.SHA256 = r.SHA256[:31] }),
		"mode out of range":           short(func(r *Record) { r.Mode = 0o100644 }),
		"negative size":               short(func(r *Record) { r.Size = -5 }),
		"negative allocation":         short(func(r *Record) { r.Allocated = -1 }),
		"parts of one part":           short(func(r *Record) { r.Parts = [][]byte{digestOf(1)} }),
		"part size of one part":       short(func(r *Record) { r.PartSize = UnitSize }),
		"unit CRCs of one unit":       short(func(r *Record) { r.UnitCRCs = []uint64{1} }),
		"no part size":                long(func(r *Record) { r.PartSize = 0 }),
		"other part size":             long(func(r *Record) { r.PartSize = 2 * UnitSize }),
		"a part missing":              long(func(r *Record) { r.Parts = r.Parts[:2] }),
		"a part too many":             long(func(r *Record) { r.Parts = append(r.Parts, digestOf(4)) }),
		"part digest too short":       long(func(r *Record) { r.Parts[1] = r.Parts[1][:20] }),
		"a unit CRC missing":          long(func(r *Record) { r.UnitCRCs = r.UnitCRCs[:2] }),
		"no extents":                  short(func(r *Record) { r.Extents = nil }),
		"extent of nothing":           short(func(r *Record) { r.Extents = append(r.Extents, Extent{Offset: 5}) }),
		"negative extent":             short(func(r *Record) { r.Extents[0].Length = -5 }),
		"extents end early":           short(func(r *Record) { r.Extents[0].Length = 4 }),
		"extents end late":            short(func(r *Record) { r.Extents[0].Length = 6 }),
		"extents begin late":          short(func(r *Record) { r.Extents = []Extent{{Offset: 1, Length: 4}} }),
		"extents with a gap":          short(func(r *Record) { r.Extents = []Extent{{Length: 2}, {Offset: 3, Length: 2}} }),
		"extents that overlap":        short(func(r *Record) { r.Extents = []Extent{{Length: 3}, {Offset: 2, Length: 3}} }),
		"extent over 2^63":            short(func(r *Record) { r.Extents = []Extent{{Length: 2}, {Offset: 2, Length: 1<<63 - 1}} }),
		"hole with a place":           short(func(r *Record) { r.Extents[0].Hole = true }),
		"negative place":              short(func(r *Record) { r.Extents[0].PackOffset = -1 }),
		"extents of an empty file":    {Kind: KindFile, Path: "x", SHA256: digestOf(0), Extents: []Extent{{Length: 1}}},
		"attribute without a name":    short(func(r *Record) { r.Xattrs = []Xattr{{Value: []byte("v")}} }),
		"attribute's name too long":   short(func(r *Record) { r.Xattrs = []Xattr{{Name: strings.Repeat("n", 256)}} }),
		"attributes out of order":     short(func(r *Record) { r.Xattrs = []Xattr{{Name: "b"}, {Name: "a"}} }),
		"attribute twice":             short(func(r *Record) { r.Xattrs = []Xattr{{Name: "a"}, {Name: "a"}} }),
		"attribute over the limit":    short(func(r *Record) { r.Xattrs = []Xattr{{Name: "a", Value: make([]byte, maxItem)}} }),
		"record over the limit":       short(func(r *Record) { r.Owner = strings.Repeat("o", MaxRecord) }),
		"two texts over the limit":    {Kind: KindSkipped, Path: "x", Reason: "y", Detail: strings.Repeat("o", MaxRecord)},
		"size over what the API says": short(func(r *Record) { r.Size = -1 << 63 }),
	} {
		if b, err := r.Encode(); err == nil {
			t.Errorf("%s: encoded as %x", name, b[0])
		}
	}
}

// TestRecordBytesRefused: bytes that no Encode would make.
func TestRecordBytesRefused(t *testing.T) {
	whole := encode(t, fileRecord("x"))[0]
	cont := encode(t, largeRecord("x"))[1]
	for name, b := range map[string][]byte{
		"nothing":                         nil,
		"cut off":                         whole[:len(whole)-1],
		"bytes left over":                 append(bytes.Clone(whole), 0),
		"too long":                        make([]byte, MaxRecord+1),
		"reserved kind":                   {3, 1, 7, 5, 1, 'x'},
		"kind 8":                          {3, 1, 8, 5, 1, 'x'},
		"explicit part sizes (reserved)":  append([]byte{3, 1, 2, 5, 1, 'x'}, 29, 1, 1),
		"supersedes (reserved)":           append([]byte{3, 1, 2, 5, 1, 'x'}, 57, 1, 1),
		"continuation with metadata":      bytes.Replace(cont, []byte{3, 1, 6, 5, 1, 'x'}, []byte{3, 1, 6, 5, 1, 'x', 8, 2, 1, 0xed}, 1),
		"continuation of an unknown list": bytes.Replace(cont, []byte{51, 1, 15}, []byte{51, 1, 14}, 1),
		"continuation fields in a record": append([]byte{3, 1, 2, 5, 1, 'x'}, 49, 1, 1),
		"continuation without items":      {3, 1, 6, 5, 1, 'x', 49, 1, 1, 51, 1, 15},
		"continuation without a number":   {3, 1, 6, 5, 1, 'x', 51, 1, 15, 55, 1, 0},
		"list without a count":            {3, 1, 2, 5, 1, 'x', 36, 5, 6, 3, 2, 1, 'a'},
		"list with another count":         {3, 1, 2, 5, 1, 'x', 36, 8, 3, 1, 2, 6, 3, 2, 1, 'a'},
		"list with items and root":        append(append([]byte{3, 1, 2, 5, 1, 'x', 36, 42, 3, 1, 1, 4, 32}, make([]byte, 32)...), 6, 3, 2, 1, 'a'),
		"extents without critical":        {3, 1, 1, 5, 1, 'x', 34, 3, 3, 1, 1},
	} {
		if _, err := DecodeRecord(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// The templates above are what they claim to be.
	if _, err := DecodeRecord([]byte{3, 1, 2, 5, 1, 'x', 36, 8, 3, 1, 1, 6, 3, 2, 1, 'a'}); err != nil {
		t.Errorf("template: %v", err)
	}
	if _, _, n, err := PeekRecord(cont); err != nil || n != 1 {
		t.Errorf("template: %v", err)
	}
	// Unknown fields that are not critical are skipped (section 1.1).
	r, err := DecodeRecord(append([]byte{3, 1, 2, 5, 1, 'x'}, 58, 2, 'v', '1', 70, 1, 9))
	if err != nil || r.Path != "x" {
		t.Errorf("unknown fields: %v", err)
	}
}

func TestPartSize(t *testing.T) {
	for _, tc := range []struct{ size, want int64 }{
		{0, 0}, {1, 0}, {UnitSize, 0}, {UnitSize + 1, UnitSize}, {MaxParts * UnitSize, UnitSize}, {MaxParts*UnitSize + 1, 2 * UnitSize},
		{2 * MaxParts * UnitSize, 2 * UnitSize}, {2*MaxParts*UnitSize + 1, 3 * UnitSize}, {48 << 40, 315 * UnitSize},
	} {
		if got := PartSizeFor(tc.size); got != tc.want {
			t.Errorf("%d bytes: part size %d, want %d", tc.size, got, tc.want)
		}
		if got := PartSizeFor(tc.size); got > 0 && (tc.size+got-1)/got > MaxParts {
			t.Errorf("%d bytes: too many parts", tc.size)
		}
	}
}

// TestDecodeAllocates: what a record can make a reader allocate is bounded by its bytes.
func TestDecodeAllocates(t *testing.T) {
	// The densest list: items of no bytes.
	b := []byte{3, 1, 6, 5, 1, 'x', 49, 1, 1, 51, 1, 15, 55}
	n := 65000
	b = append(b, byte(n&127|128), byte(n>>7&127|128), byte(n>>14))
	b = append(b, make([]byte, n)...)
	if _, err := PeekHead(b); err != nil {
		t.Fatal(err)
	}
	res := testing.Benchmark(func(b2 *testing.B) {
		b2.ReportAllocs()
		for b2.Loop() {
			PeekHead(b)
		}
	})
	if got := res.AllocedBytesPerOp(); got > 16<<20 {
		t.Errorf("%d bytes allocated for a record of %d bytes", got, len(b))
	}
}
