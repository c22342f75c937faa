package appliance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/internal/vfs"
)

// kindCounter counts what is read of a device, by the ends of names.
type kindCounter struct {
	mu    sync.Mutex
	opens map[string]int
	bytes map[string]int64
	reads int64
}

func (c *kindCounter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opens, c.bytes, c.reads = map[string]int{}, map[string]int64{}, 0
}

// all are the reads since the last reset, and their bytes.
func (c *kindCounter) all() readCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := readCount{reads: c.reads}
	for kind, n := range c.bytes {
		if kind != "hint" {
			out.bytes += n
		}
	}
	return out
}

func suffix(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// watch puts the counter before every disk.
func (c *kindCounter) watch(disks []Disk) (out []Disk) {
	c.reset()
	for _, d := range disks {
		out = append(out, Disk{Name: d.Name, FS: watchedFS{d.FS, c}})
	}
	return out
}

type watchedFS struct {
	vfs.FS
	c *kindCounter
}

func (f watchedFS) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	file, err := f.FS.Open(name, o)
	if err != nil {
		return nil, err
	}
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.c.opens[suffix(name)]++
	return watchedFile{file, f.c, suffix(name)}, nil
}

type watchedFile struct {
	vfs.File
	c    *kindCounter
	kind string
}

func (f watchedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.c.bytes[f.kind] += int64(n)
	f.c.reads++
	return n, err
}

func (f watchedFile) Prefetch(_, n int64) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.c.bytes["hint"] += n
}

// TestReadingHashesNothing: with a key the hash lists are not even opened, disks
// lost or not, until a tag has refused; every block is read once.
func TestReadingHashesNothing(t *testing.T) {
	src := smallTree(t, 40, 40<<20)
	os.Remove(filepath.Join(src, "zz-large")) // the same bytes once more
	want := readTree(t, src)
	r, res := sealedRig(t, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20, digest: "parts"}, src)
	all := r.mems
	var body int64
	for _, p := range r.packsOf(res.Label) {
		body += p.BodySize
	}
	var c kindCounter
	read := func() {
		t.Helper()
		rd, err := r.openReader(c.watch(r.cfg.Disks), res.Label)
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		c.reset()
		got, lost, err := readAll(rd)
		if err != nil || len(lost) > 0 {
			t.Fatal(err, lost)
		}
		if err := want.diff(got); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if c.opens["hashes"]+c.opens["piece"] > 0 {
		t.Errorf("%d hash lists and %d pieces opened on a whole device", c.opens["hashes"], c.opens["piece"])
	}
	if got := c.bytes["shard"]; got > body {
		t.Errorf("%d bytes read of %d", got, body)
	}
	r.without(0, 4)
	read()
	if c.opens["hashes"]+c.opens["piece"] > 0 {
		t.Errorf("%d hash lists and %d pieces opened with two disks lost", c.opens["hashes"], c.opens["piece"])
	}
	if got := c.bytes["shard"]; got > 2*body {
		t.Errorf("two disks lost: %d bytes read of %d", got, body)
	}
	r.use(all)
	p := r.packsOf(res.Label)[0]
	rot(t, r.mems[p.Bays[1]], disk.ShardName(p.ID, 1), 7)
	read()
	if c.opens["hashes"] == 0 {
		t.Error("no hash list was opened to find the rotten block")
	}
}

// TestExtractReadsAhead: the disks are told of nearly all blocks before they are
// read, also where some are lost, and of hardly more.
func TestExtractReadsAhead(t *testing.T) {
	src := smallTree(t, 42, 40<<20)
	for _, digest := range []string{"whole", "parts"} {
		r, res := sealedRig(t, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20, digest: digest}, src)
		for range 2 {
			var c kindCounter
			rd, err := r.openReader(c.watch(r.cfg.Disks), res.Label)
			if err != nil {
				t.Fatal(err)
			}
			if x, err := extract.Run(context.Background(), rd, t.TempDir(), extract.Options{Workers: 2}); err != nil {
				t.Fatal(x, err)
			}
			rd.Close()
			if read, hint := c.bytes["shard"], c.bytes["hint"]; hint < read*3/4 || hint > read*3 {
				t.Errorf("%s, %d disks: %d bytes read, %d announced", digest, len(r.cfg.Disks), read, hint)
			}
			r.without(2, 5)
		}
	}
}
