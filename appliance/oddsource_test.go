package appliance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/zeros"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestSizeIsNotContent: a file whose size does not tell how long its content is,
// as in /proc and on drives of cloud documents, is never loaded as good.
func TestSizeIsNotContent(t *testing.T) {
	const more, less = "has more content than its size says", "has less content than its size says"
	for _, test := range []struct {
		name         string
		told, length int64
		want         string
	}{
		{"none told", 0, 1800, more},
		{"small", 1000, 1001, more},
		{"small, less", 1000, 999, less},
		{"long", 200 << 10, 200<<10 + 1, more},
		{"long, less", 200 << 10, 100 << 10, less},
		{"nothing at all", 10, 0, less},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := newOddTree(stableVolume)
			tree.WriteFile("f", make([]byte, test.length))
			tree.WriteFile("good", []byte("x"))
			tree.info = func(path string, i *vfs.Info) {
				if path == "f" {
					i.Size, i.Allocated = test.told, test.told
				}
			}
			rep, records, got := loadTree(t, tree, LoadOptions{})
			if got["f"] != "skipped changed" || records["f"].Detail != test.want || got["good"] != "file x" {
				t.Errorf("%q, %q, %+v", got["f"], records["f"].Detail, rep.Skipped)
			}
		})
	}
}

// TestGrowsWhileRead: what grew, and says so in its stat, has changed: it is read
// again.
func TestGrowsWhileRead(t *testing.T) {
	tree := newOddTree(stableVolume)
	tree.WriteFile("f", make([]byte, 100<<10))
	grown := false
	tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpRead && !grown {
			grown = true
			tree.WriteFile("f", bytes.Repeat([]byte("y"), 120<<10))
		}
		return nil
	})
	_, _, got := loadTree(t, tree, LoadOptions{})
	if got["f"] != "file "+strings.Repeat("y", 120<<10) {
		t.Errorf("%.30q", got["f"])
	}
}

// TestInodeCollision: two files that a driver gives one inode number stay two;
// names of one file stay one where numbers can be believed.
func TestInodeCollision(t *testing.T) {
	when := time.Now().Add(-time.Hour)
	for _, test := range []struct {
		name   string
		volume vfs.Volume
		later  time.Duration // between the two files' times of change
		kind   manifest.Kind
	}{
		{"FUSE", fuseVolume, 0, manifest.KindFile},
		{"changed apart", stableVolume, time.Second, manifest.KindFile},
		{"one file", stableVolume, 0, manifest.KindHardlink},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := newOddTree(test.volume)
			tree.WriteFile("a", []byte("of a"))
			tree.WriteFile("b", []byte("of b"))
			if test.kind == manifest.KindHardlink {
				tree.Remove("b")
				tree.Link("a", "b")
			}
			tree.info = func(path string, i *vfs.Info) {
				i.Ino, i.Nlink, i.Mtime, i.Ctime = 7, 2, when, when
				if path == "b" {
					i.Ctime = when.Add(test.later)
				}
			}
			rep, records, got := loadTree(t, tree, LoadOptions{})
			want, links := "file of b", uint64(0)
			if test.kind == manifest.KindHardlink {
				want, links = "file of a", 1
			}
			if got["a"] != "file of a" || got["b"] != want || records["b"].Kind != test.kind || rep.Scan.Hardlinks != links {
				t.Errorf("a %q, b %q, of kind %d; %d hard links", got["a"], got["b"], records["b"].Kind, rep.Scan.Hardlinks)
			}
		})
	}
}

// TestHolesThatLie: data that was just written and that the file system tells as a
// hole is read where holes are not believed; zeros there become holes again.
func TestHolesThatLie(t *testing.T) {
	content := make([]byte, 5*holeBlock+100)
	copy(content[holeBlock-1:], "x")
	copy(content[3*holeBlock+7:], "y")
	for name, volume := range map[string]vfs.Volume{"zfs": zfsVolume, "FUSE": fuseVolume} {
		tree := newOddTree(volume)
		tree.WriteFile("f", content)
		tree.info = func(_ string, i *vfs.Info) { i.Allocated = 0 }
		tree.data = func(_ string, _, size int64) (int64, int64) { return size, size }
		_, records, got := loadTree(t, tree, LoadOptions{})
		if got["f"] != "file "+string(content) {
			t.Errorf("%s: the content is another one", name)
		}
		var holes [][2]int64
		for _, e := range records["f"].Extents {
			if e.Hole {
				holes = append(holes, [2]int64{e.Offset / holeBlock, e.Length / holeBlock})
			}
		}
		if len(holes) != 2 || holes[0] != [2]int64{1, 2} || holes[1] != [2]int64{4, 1} {
			t.Errorf("%s: holes %v", name, holes)
		}
	}
}

// TestSeekDataStandsStill: an answer that makes no sense ends in reading.
func TestSeekDataStandsStill(t *testing.T) {
	content := bytes.Repeat([]byte("data"), 30<<10)
	for name, data := range map[string]func(off, size int64) (int64, int64){
		"behind":     func(off, _ int64) (int64, int64) { return off - 20, off - 10 },
		"from start": func(off, size int64) (int64, int64) { return 0, min(100, size) },
		"empty":      func(off, _ int64) (int64, int64) { return off, off },
		"too far":    func(_, size int64) (int64, int64) { return size + 1, size + 2 },
	} {
		tree := newOddTree(stableVolume)
		tree.WriteFile("f", content)
		tree.info = func(_ string, i *vfs.Info) { i.Allocated = 0 }
		tree.data = func(_ string, off, size int64) (int64, int64) { return data(off, size) }
		if _, _, got := loadTree(t, tree, LoadOptions{}); got["f"] != "file "+string(content) {
			t.Errorf("%s: the content is another one", name)
		}
	}
}

// TestUnstableTimes: a source whose stat differs at every look is taken only if
// that is asked for, and only if two readings agree.
func TestUnstableTimes(t *testing.T) {
	for _, test := range []struct {
		name                string
		unstable, rewritten bool
		want                string
	}{
		{"not asked for", false, false, "skipped changed"},
		{"asked for", true, false, "file " + strings.Repeat("x", 100<<10)},
		{"really changing", true, true, "skipped changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := newOddTree(stableVolume)
			tree.WriteFile("f", bytes.Repeat([]byte("x"), 100<<10))
			now, reads := time.Now().Add(-time.Hour), 0
			tree.info = func(_ string, i *vfs.Info) {
				now = now.Add(time.Second)
				i.Ctime = now
			}
			tree.OnCall(func(c vfs.TreeCall) error {
				if reads++; c.Op == vfs.OpRead && test.rewritten {
					tree.WriteFile("f", bytes.Repeat([]byte{byte(reads)}, 100<<10))
				}
				return nil
			})
			_, records, got := loadTree(t, tree, LoadOptions{UnstableTimes: test.unstable})
			if got["f"] != test.want || (records["f"].Remark == "unstable-times") != (test.want[0] == 'f') {
				t.Errorf("%.30q, remark %q", got["f"], records["f"].Remark)
			}
		})
	}
}

// TestUnstableTimesAgain: a second load of such a source takes the reading on the
// device for the first of the two.
func TestUnstableTimesAgain(t *testing.T) {
	tree := newOddTree(stableVolume)
	tree.WriteFile("f", bytes.Repeat([]byte("x"), 100<<10))
	now := time.Now().Add(-time.Hour)
	tree.info = func(_ string, i *vfs.Info) {
		now = now.Add(time.Second)
		i.Ctime = now
	}
	r := small32(t)
	r.loadAll("/odd", LoadOptions{Tree: tree, UnstableTimes: true})
	rep := r.loadAll("/odd", LoadOptions{Tree: tree, UnstableTimes: true})
	if rep.SkippedCount != 0 || rep.KnownContent != 1 || rep.Remarked != 1 {
		t.Errorf("%d skipped %+v, %d known, %d with a remark", rep.SkippedCount, rep.Skipped, rep.KnownContent, rep.Remarked)
	}
}

// TestLongFileAfterReboot: neither a device's number nor an inode's that is made up
// keeps a long file from going on.
func TestLongFileAfterReboot(t *testing.T) {
	was := scan.FileID{Size: 1, Mtime: 2, Ctime: 3, Dev: 4, Ino: 5}
	for _, test := range []struct {
		now    scan.FileID
		volume vfs.Volume
		want   bool
	}{
		{scan.FileID{Size: 1, Mtime: 2, Ctime: 3, Dev: 40, Ino: 5}, stableVolume, true},
		{scan.FileID{Size: 1, Mtime: 2, Ctime: 3, Dev: 4, Ino: 50}, stableVolume, false},
		{scan.FileID{Size: 1, Mtime: 2, Ctime: 3, Dev: 40, Ino: 50}, fuseVolume, true},
		{scan.FileID{Size: 1, Mtime: 2, Ctime: 30, Dev: 4, Ino: 5}, fuseVolume, false},
		{scan.FileID{Size: 1, Mtime: 20, Ctime: 3, Dev: 4, Ino: 5}, fuseVolume, false},
		{scan.FileID{Size: 10, Mtime: 2, Ctime: 3, Dev: 4, Ino: 5}, fuseVolume, false},
	} {
		if was.Same(test.now, test.volume) != test.want {
			t.Errorf("%+v of %s: want %v", test.now, test.volume.FS, test.want)
		}
	}
}

// TestHugeHole: four terabytes of holes are told and compared by constants, where no digest of
// the whole is asked for.
func TestHugeHole(t *testing.T) {
	const size = 4<<40 + 5
	tree := newOddTree(stableVolume)
	tree.WriteFile("f", nil)
	tree.info = func(_ string, i *vfs.Info) { i.Size, i.Allocated = size, 0 }
	tree.data = func(_ string, _, size int64) (int64, int64) { return size, size }
	r := small32(t)
	r.cfg.Job.Policy.FileDigest = "parts"
	file, err := r.cfg.Job.Sign(r.signer)
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.JobFile = file
	if rep := r.loadAll("/odd", LoadOptions{Tree: tree}); rep.Bytes != size || rep.SkippedCount != 0 {
		t.Fatalf("%+v", rep)
	}
	d := r.mustDevice()
	defer d.Close()
	var chain []byte
	if err := d.eachRecord(func(b []byte) error { chain = appendChain(chain, b); return nil }); err != nil {
		t.Fatal(err)
	}
	rec, err := decodeChain(chain)
	if err != nil {
		t.Fatal(err)
	}
	if n := (size + rec.PartSize - 1) / rec.PartSize; int64(len(rec.Parts)) != n || len(rec.Extents) != 1 || rec.Extents[0] != (manifest.Extent{Length: size, Hole: true}) {
		t.Errorf("%d parts of %d, extents %+v", len(rec.Parts), rec.PartSize, rec.Extents)
	}
	if !bytes.Equal(rec.Parts[0], zeros.PartSum(rec.PartSize)) || rec.CRC != zeros.CRC(size).Sum || rec.UnitCRCs[0] != zeros.CRC(manifest.UnitSize).Sum {
		t.Error("a digest is not that of zeros")
	}
	d.Close()
	out := t.TempDir()
	rd, err := r.openReader(r.cfg.Disks, r.sealAll().Label)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := extract.Run(t.Context(), rd, out, extract.Options{})
	if err != nil || rep.Bytes != size {
		t.Fatalf("%+v, %v", rep, err)
	}
	if fi, err := os.Stat(filepath.Join(out, "f")); err != nil || fi.Size() != size {
		t.Errorf("%v, %v", fi, err)
	}
}

// TestChangeInOneTick: a change in the tick of the one before, of the same length,
// while the file is read: it is read when the tick is over, so the change shows.
func TestChangeInOneTick(t *testing.T) {
	for _, size := range []int{100, 100 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			whole := func() time.Time { return time.Now().Truncate(2 * time.Second) }
			tree := vfs.NewMemTree(whole)
			tree.SetVolume(vfs.Volume{FS: "vfat", Coarse: 2 * time.Second})
			for time.Since(whole()) > time.Second { // far from the tick's end
				time.Sleep(50 * time.Millisecond)
			}
			tree.WriteFile("f", bytes.Repeat([]byte("a"), size))
			changed := false
			tree.OnCall(func(c vfs.TreeCall) error {
				if c.Op == vfs.OpRead && c.Offset == 0 && !changed { // the read goes on with what was there
					changed = true
				} else if c.Op == vfs.OpStat && changed {
					changed = false
					tree.OnCall(nil)
					tree.WriteFile("f", bytes.Repeat([]byte("b"), size))
				}
				return nil
			})
			if _, _, got := loadTree(t, tree, LoadOptions{}); got["f"] != "file "+string(bytes.Repeat([]byte("b"), size)) {
				t.Errorf("%.20q", got["f"])
			}
		})
	}
}

// TestOpenForWriting: a file that somebody may store into, by way of a mapping
// without a sign, carries a remark.
func TestOpenForWriting(t *testing.T) {
	src := t.TempDir()
	for _, name := range []string{"closed", "open"} {
		if err := os.WriteFile(filepath.Join(src, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(src, "open"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("the folder for temporary files has no leases: %v", err)
	}
	unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	rd, err := r.openReader(r.cfg.Disks, r.sealAll().Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	remarks := map[string]string{}
	err = rd.Entries(context.Background(), func(e Entry) error {
		remarks[e.Record.Path] = e.Record.Remark
		if e.Record.Kind != manifest.KindFile {
			t.Errorf("%+v", e.Record)
		}
		return nil
	})
	if err != nil || remarks["open"] != "open" || remarks["closed"] != "" {
		t.Errorf("%v, %v", remarks, err)
	}
}
