package manifest

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestTilePath(t *testing.T) {
	for _, tc := range []struct {
		level int
		n     uint64
		width int
		want  string
	}{
		{0, 0, 256, "tile/0/000"},
		{0, 0, 1, "tile/0/000.p/1"},
		{0, 999, 255, "tile/0/999.p/255"},
		{1, 1000, 256, "tile/1/x001/000"},
		{2, 1234067, 256, "tile/2/x001/x234/067"},
		{2, 1234067, 8, "tile/2/x001/x234/067.p/8"},
		{63, 1234567890, 256, "tile/63/x001/x234/x567/890"},
		{-1, 0, 256, "tile/entries/000"},
		{-1, 1234067, 8, "tile/entries/x001/x234/067.p/8"},
	} {
		if got := TilePath(tc.level, tc.n, tc.width); got != tc.want {
			t.Errorf("tile %d of level %d, width %d: %s, want %s", tc.n, tc.level, tc.width, got, tc.want)
		}
	}
}

// TestTree checks, for all sizes up to 100, every inclusion path of a page's
// tree, and that no hash of it may change (as sumdb's test of the same name).
func TestTree(t *testing.T) {
	var leaves [][32]byte
	var items [][]byte
	var tree Tree
	if got := tree.Root(); !bytes.Equal(got[:], strangerRoot(nil)) {
		t.Error("root of the empty tree")
	}
	for n := uint64(1); n <= 100; n++ {
		items = append(items, fmt.Appendf(nil, "leaf %d", n))
		leaves = append(leaves, LeafHash(items[n-1]))
		tree.Add(items[n-1])
		root := tree.Root()
		if !bytes.Equal(root[:], strangerRoot(items)) || RootOver(items) != root || tree.Size() != n {
			t.Fatalf("root of %d leaves", n)
		}
		for i := range n {
			path := inclusionPath(leaves, int(i))
			if err := checkInclusion(path, n, i, leaves[i], root); err != nil {
				t.Fatalf("leaf %d of %d: %v", i, n, err)
			}
			refused := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, ErrUnverified) {
					t.Fatalf("leaf %d of %d: %s: error %v", i, n, what, err)
				}
			}
			for j := range path {
				path[j][j%32] ^= 0x80
				refused("path changed", checkInclusion(path, n, i, leaves[i], root))
				path[j][j%32] ^= 0x80
			}
			if n > 1 {
				refused("other leaf", checkInclusion(path, n, i, leaves[(i+1)%n], root))
				refused("path short", checkInclusion(path[1:], n, i, leaves[i], root))
				refused("other place", checkInclusion(path, n, (i+1)%n, leaves[i], root))
			}
			refused("path long", checkInclusion(append(path[:len(path):len(path)], leaves[0]), n, i, leaves[i], root))
			refused("beyond the end", checkInclusion(path, n, n+i, leaves[i], root))
		}
	}
	if err := checkInclusion(nil, 1<<63, 0, leaves[0], leaves[0]); !errors.Is(err, ErrUnverified) {
		t.Errorf("a tree of 2^63 leaves: %v", err)
	}
}

func logEntry(i uint64) []byte {
	return fmt.Appendf(nil, "entry %d%s", i, strings.Repeat("x", int(i%50)))
}

// writtenLog writes a log of a size and returns it beside sumdb's hashes of it.
func writtenLog(t *testing.T, size uint64) (memFiles, Checkpoint, []tlog.Hash) {
	t.Helper()
	files := memFiles{{}}
	w := NewLogWriter(files.put)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	for i := range size {
		pos, err := w.Append(logEntry(i))
		if err != nil || pos != i {
			t.Fatalf("entry %d at %d: %v", i, pos, err)
		}
		h, err := tlog.StoredHashes(int64(i), logEntry(i), reader)
		must(t, err)
		stored = append(stored, h...)
	}
	n, root, err := w.Finish()
	if err != nil || n != size {
		t.Fatalf("size %d, want %d: %v", n, size, err)
	}
	want, err := tlog.TreeHash(int64(size), reader)
	must(t, err)
	if tlog.Hash(root) != want {
		t.Fatalf("%d entries: root %x, sumdb's %x", size, root, want)
	}
	return files, Checkpoint{Size: size, Root: root}, stored
}

// TestLogTiles compares every file of a log with what sumdb makes of the same entries.
func TestLogTiles(t *testing.T) {
	sizes := []uint64{65536 + 3, 65536}
	for n := range uint64(601) {
		sizes = append(sizes, n)
	}
	for _, size := range sizes {
		files, cp, stored := writtenLog(t, size)
		checkTiles(t, files[0], int64(size), stored)
		log, err := OpenLog(cp, files)
		must(t, err)
		checkLog(t, log, stored)
	}
}

func checkTiles(t *testing.T, files map[string][]byte, size int64, stored []tlog.Hash) {
	t.Helper()
	hashes := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	want := map[string]bool{}
	// All full tiles and the last partial ones: those that no wider one replaces.
	for level, n := 0, size; n > 0; level, n = level+1, n/tileWidth {
		for at := int64(0); at < n; at += tileWidth {
			width := int(min(tileWidth, n-at))
			name := "log/" + TilePath(level, uint64(at/tileWidth), width)
			want[name] = true
			data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: level, N: at / tileWidth, W: width}, hashes)
			must(t, err)
			if !bytes.Equal(files[name], data) {
				t.Fatalf("%d entries: %s is not sumdb's tile", size, name)
			}
			if level > 0 {
				continue
			}
			name = "log/" + TilePath(-1, uint64(at/tileWidth), width)
			want[name] = true
			var bundle []byte
			for i := range width {
				e := logEntry(uint64(at) + uint64(i))
				bundle = append(append(bundle, byte(len(e)>>8), byte(len(e))), e...)
			}
			if !bytes.Equal(files[name], bundle) {
				t.Fatalf("%d entries: %s is not the bundle of its entries", size, name)
			}
		}
	}
	for name := range files {
		if !want[name] {
			t.Fatalf("%d entries: %s should not be there", size, name)
		}
	}
	if len(files) != len(want) {
		t.Fatalf("%d entries: %d files, want %d", size, len(files), len(want))
	}
}

// checkLog reads entries and inclusion paths, all of them in small logs.
func checkLog(t *testing.T, log *LogReader, stored []tlog.Hash) {
	t.Helper()
	size := log.Checkpoint().Size
	step := max(1, size/200)
	for i := uint64(0); i < size; i++ {
		near := i%step == 0 || i+5 > size || i%tileWidth < 2 && size < 10000
		if !near || size > 300 && size < 10000 && i%7 != size%7 && i+5 < size {
			continue
		}
		b, err := log.Entry(i)
		if err != nil || !bytes.Equal(b, logEntry(i)) {
			t.Fatalf("%d entries: entry %d: %q, %v", size, i, b, err)
		}
		path, err := log.Inclusion(i)
		must(t, err)
		if err := checkInclusion(path, size, i, LeafHash(b), log.Checkpoint().Root); err != nil {
			t.Fatalf("%d entries: entry %d: %v", size, i, err)
		}
	}
	for _, i := range []uint64{size, size + 1, 1<<64 - 1} {
		if _, err := log.Entry(i); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d entries: entry %d: error %v", size, i, err)
		}
		if _, err := log.Inclusion(i); err == nil {
			t.Errorf("%d entries: a path of entry %d", size, i)
		}
	}
}

// TestLogProofs is exhaustive for all sizes up to 100.
func TestLogProofs(t *testing.T) {
	for size := uint64(1); size <= 100; size++ {
		files, cp, _ := writtenLog(t, size)
		log, err := OpenLog(cp, files)
		must(t, err)
		for i := range size {
			path, err := log.Inclusion(i)
			must(t, err)
			leaf := LeafHash(logEntry(i))
			if err := checkInclusion(path, size, i, leaf, cp.Root); err != nil {
				t.Fatalf("entry %d of %d: %v", i, size, err)
			}
			for j := range path {
				path[j][31] ^= 1
				if checkInclusion(path, size, i, leaf, cp.Root) == nil {
					t.Fatalf("entry %d of %d: hash %d changed, and still proven", i, size, j)
				}
				path[j][31] ^= 1
			}
		}
	}
}

// TestLogMends: on each disk another file is bad, and the log is read all the same.
func TestLogMends(t *testing.T) {
	const size = 65536 + 3*256 + 77
	files, cp, _ := writtenLog(t, size)
	good := files[0]
	names := make([]string, 0, len(good))
	for name := range good {
		names = append(names, name)
	}
	var disks memFiles
	for d := range 3 {
		disk := map[string][]byte{}
		for i, name := range names {
			b := good[name]
			// Two of three disks lack a good copy of every file.
			switch {
			case i%3 == d:
			case (i+d)%4 == 0:
				continue // not there
			case (i+d)%4 == 1:
				b = bytes.Clone(b)
				b[(i*31)%len(b)] ^= 4
			case (i+d)%4 == 2:
				b = b[:len(b)-1]
			default:
				b = append(bytes.Clone(b), 0)
			}
			disk[name] = b
		}
		disks = append(disks, disk)
	}
	log, err := OpenLog(cp, disks)
	must(t, err)
	for i := uint64(0); i < size; i += 97 {
		b, err := log.Entry(i)
		if err != nil || !bytes.Equal(b, logEntry(i)) {
			t.Fatalf("entry %d: %v", i, err)
		}
		path, err := log.Inclusion(i)
		must(t, err)
		must(t, checkInclusion(path, size, i, LeafHash(b), cp.Root))
	}
}

// TestLogTilesFollow: the entries alone decide. No disk has a good tile, and each
// disk's bundles are bad in another entry.
func TestLogTilesFollow(t *testing.T) {
	for _, size := range []uint64{1, 7, 256, 3*256 + 7, 65536 + 3*256 + 77} {
		files, cp, _ := writtenLog(t, size)
		disks := memFiles{{}, {}, {}}
		for name, good := range files[0] {
			for d := range disks {
				b := bytes.Repeat([]byte{byte(d)}, len(good))
				if strings.Contains(name, "/entries/") {
					b = spoiltEntry(good, d)
				}
				disks[d][name] = b
			}
		}
		log, err := OpenLog(cp, disks)
		if err != nil {
			t.Errorf("%d entries: %v", size, err)
			continue
		}
		for i := uint64(0); i < size; i += 1 + size/200 {
			if b, err := log.Entry(i); err != nil || !bytes.Equal(b, logEntry(i)) {
				t.Fatalf("%d entries: entry %d: %v", size, i, err)
			}
		}
	}
}

// spoiltEntry is a bundle with another byte in entry n, if it has so many.
func spoiltEntry(bundle []byte, n int) []byte {
	b := bytes.Clone(bundle)
	for rest := b; len(rest) > 0; n-- {
		if n == 0 {
			rest[2] ^= 1
		}
		rest = rest[2+int(rest[0])<<8+int(rest[1]):]
	}
	return b
}

// TestLogRefuses: with no good copy left of one file, only what it covers fails,
// and of a tile nothing.
func TestLogRefuses(t *testing.T) {
	const size = 3*256 + 7
	nothing := func(uint64) bool { return false }
	for _, tc := range []struct {
		name   string
		opens  bool
		broken func(i uint64) bool // entries that cannot be read
	}{
		{"log/tile/0/001", true, nothing},
		{"log/tile/entries/002", true, func(i uint64) bool { return i/256 == 2 }},
		{"log/tile/entries/003.p/7", true, func(i uint64) bool { return i/256 == 3 }},
		{"log/tile/0/003.p/7", true, nothing},
		{"log/tile/1/000.p/3", true, nothing},
	} {
		for _, how := range []string{"missing", "flipped", "one hash alone", "empty"} {
			files, cp, _ := writtenLog(t, size)
			b := bytes.Clone(files[0][tc.name])
			if b == nil {
				t.Fatalf("no file %s", tc.name)
			}
			switch how {
			case "missing":
				delete(files[0], tc.name)
			case "flipped":
				b[len(b)/2] ^= 1
				files[0][tc.name] = b
			case "one hash alone": // the root of a tile is a tile of width 1 with the same root
				h := RootOver(nil)
				if strings.HasPrefix(tc.name, "log/tile/0/001") {
					h = tileRoot(b)
				}
				files[0][tc.name] = h[:]
			case "empty":
				files[0][tc.name] = []byte{}
			}
			// A source that does not keep to the length must not fool the reader.
			log, err := OpenLog(cp, anyLength{files[0]})
			if !tc.opens {
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s %s: error %v", tc.name, how, err)
				}
				continue
			}
			must(t, err)
			for i := uint64(0); i < size; i += 5 {
				_, err := log.Entry(i)
				if tc.broken(i) != errors.Is(err, ErrCorrupt) || err != nil && !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s %s: entry %d: error %v", tc.name, how, i, err)
				}
			}
		}
	}
	files, cp, _ := writtenLog(t, size)
	cp.Root[0] ^= 1
	if _, err := OpenLog(cp, files); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another root: error %v", err)
	}
	cp.Root[0] ^= 1
	cp.Size++
	if _, err := OpenLog(cp, files); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another size: error %v", err)
	}
}

type anyLength struct{ files map[string][]byte }

func (a anyLength) LogCopies(name string, _, _ int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if b, ok := a.files[name]; ok {
			yield(b)
		}
	}
}

func TestLogWriterErrors(t *testing.T) {
	w := NewLogWriter(func(string, []byte) error { return errors.New("disk full") })
	for range 255 {
		if _, err := w.Append(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.Finish(); err == nil {
		t.Error("partial files: no error")
	}
	if _, err := w.Append(nil); err == nil {
		t.Error("full files: no error")
	}
	if _, err := NewLogWriter(nil).Append(make([]byte, MaxEntry+1)); err == nil {
		t.Error("an entry over the limit was appended")
	}
}

func TestLogDecode(t *testing.T) {
	s := newSealedLog(t, 3, 300)
	if e, err := s.reader.Decode(0); err != nil || e.Start == nil || e.Start.Scope != s.scope {
		t.Errorf("start: %v", err)
	}
	if e, err := s.reader.Decode(s.pageAt); err != nil || e.Page == nil {
		t.Errorf("page: %v", err)
	}
	if e, err := s.reader.Decode(s.size - 1); err != nil || e.End == nil {
		t.Errorf("end: %v", err)
	}
	if _, err := s.reader.Decode(s.size); !errors.Is(err, ErrCorrupt) {
		t.Errorf("beyond the end: %v", err)
	}
	files, cp, _ := writtenLog(t, 3)
	log, err := OpenLog(cp, files)
	must(t, err)
	if _, err := log.Decode(1); !errors.Is(err, ErrUnsupportedVersion) { // "entry 1" begins with another version
		t.Errorf("not an entry: %v", err)
	}
}

func TestCheckpoint(t *testing.T) {
	const origin = "sledge/00/11/1"
	root := [32]byte{1, 2, 3}
	big, err := SignCheckpoint(origin, 1<<40+1, root, deviceKey)
	must(t, err)
	if _, err := OpenCheckpoint(big, origin, pub(deviceKey)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("over the limit: %v", err)
	}
	for _, size := range []uint64{0, 1, 42, 1 << 40} {
		msg, err := SignCheckpoint(origin, size, root, deviceKey)
		must(t, err)
		cp, err := OpenCheckpoint(msg, origin, pub(deviceKey))
		if err != nil || cp.Size != size || cp.Root != root || cp.Origin != origin || !bytes.Equal(cp.Text, msg) {
			t.Errorf("%+v, %v", cp, err)
		}
		if !bytes.HasPrefix(msg, fmt.Appendf(nil, "%s\n%d\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— %s ", origin, size, origin)) {
			t.Errorf("checkpoint:\n%s", msg)
		}
		again, err := SignCheckpoint(origin, size, root, deviceKey)
		if err != nil || !bytes.Equal(again, msg) {
			t.Error("signed again it has other bytes")
		}
	}
	msg, _ := SignCheckpoint(origin, 42, root, deviceKey)
	for bit := range len(msg) * 8 {
		b := bytes.Clone(msg)
		b[bit/8] ^= 1 << (bit % 8)
		if cp, err := OpenCheckpoint(b, origin, pub(deviceKey)); !errors.Is(err, ErrUnverified) && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d: %+v, %v", bit, cp, err)
		}
	}
	for n := range len(msg) {
		if _, err := OpenCheckpoint(msg[:n], origin, pub(deviceKey)); err == nil {
			t.Fatalf("cut to %d bytes: accepted", n)
		}
	}
	for name, err := range map[string]error{
		"other key":    second(OpenCheckpoint(msg, origin, pub(otherKey))),
		"other origin": second(OpenCheckpoint(msg, origin+"2", pub(deviceKey))),
		"too long":     second(OpenCheckpoint(append(bytes.Clone(msg), make([]byte, MaxCheckpoint)...), origin, pub(deviceKey))),
	} {
		if !errors.Is(err, ErrUnverified) && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// A witness's line is ignored (section 5.1).
	witness, _ := SignCheckpoint("example.org/witness", 42, root, otherKey)
	line := witness[bytes.LastIndex(witness, []byte("— ")):]
	if cp, err := OpenCheckpoint(append(bytes.Clone(msg), line...), origin, pub(deviceKey)); err != nil || cp.Size != 42 {
		t.Errorf("with a witness: %v", err)
	}
}

// TestCheckpointText: what the device key signed must still be a checkpoint.
func TestCheckpointText(t *testing.T) {
	const origin = "sledge/00/11/1"
	root := "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for _, text := range []string{
		origin + "\n42\n", origin + "\n42\n" + root + "\nextension\n", origin + "\n042\n" + root + "\n", origin + "\n+42\n" + root + "\n", origin + "\n-1\n" + root + "\n",
		origin + "\n\n" + root + "\n", origin + "\n9223372036854775807\n" + root + "\n", "other\n42\n" + root + "\n", origin + "\n42\n" + root[:42] + "B=\n",
		origin + "\n42\n" + root[:40] + "\n", origin + "\n42\n" + root + root + "\n",
	} {
		if _, err := OpenCheckpoint(signText(t, text, origin), origin, pub(deviceKey)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: error %v", text, err)
		}
	}
	if _, err := OpenCheckpoint(signText(t, origin+"\n42\n"+root+"\n", origin), origin, pub(deviceKey)); err != nil {
		t.Errorf("template: %v", err)
	}
	if _, err := SignCheckpoint("two words", 1, [32]byte{}, deviceKey); err == nil {
		t.Error("an origin that is no key name was signed")
	}
	if _, err := OpenCheckpoint(nil, origin, ed25519.PublicKey{}); err == nil {
		t.Error("no key")
	}
}
