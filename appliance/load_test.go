package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A source that has changed is loaded again: what is unchanged stays, what has
// changed is superseded, also where a folder has become a file, and one path has
// one record.
func TestSecondLoad(t *testing.T) {
	src := smallTree(t, 12, 300<<10)
	r := small32(t)
	r.step = 0
	r.loadAll(src, LoadOptions{})
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	same := func(name string, fill byte) { // same size and mtime, other bytes
		full := filepath.Join(src, name)
		st, _ := os.Stat(full)
		write(name, strings.Repeat(string(fill), int(st.Size())))
		os.Chtimes(full, st.ModTime(), st.ModTime())
	}
	same("dir1/f01", 'x') // carrier of a hard link
	write("a", "changed")
	os.Remove(filepath.Join(src, "a-b"))
	os.Mkdir(filepath.Join(src, "a-b"), 0o755)
	write("a-b/in", "a file has become a folder")
	os.RemoveAll(filepath.Join(src, "dir9"))
	write("dir9", "a folder has become a file")
	write("new1", "1")
	os.Link(filepath.Join(src, "new1"), filepath.Join(src, "new2"))
	rep := r.loadAll(src, LoadOptions{})
	if rep.Scan.Unchanged < 20 {
		t.Errorf("%d entries unchanged", rep.Scan.Unchanged)
	}
	want := readTree(t, src)
	if rep.Scan.Dropped != 1 || len(rep.Scan.DroppedPaths) != 1 || rep.Scan.DroppedPaths[0] != "dir9/deeper" {
		t.Errorf("below what is no folder any more: %d, %q", rep.Scan.Dropped, rep.Scan.DroppedPaths)
	}
	other := smallTree(t, 13, 10<<10)
	r.loadAll(other, LoadOptions{As: "two/b"})
	for p, v := range readTree(t, other) {
		want["two/b/"+p] = v
	}
	res := r.sealAll()
	if err := r.check(want, res.Label); err != nil {
		t.Error(err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	groups, linkTo := map[uint64]string{}, map[string]string{}
	rd.Entries(context.Background(), func(e Entry) error {
		rec := e.Record
		carrier := rec.LinkTo
		if carrier == "" {
			carrier = rec.Path
		}
		if g := rec.LinkGroup; g != 0 {
			if old := groups[g]; old != "" && old != carrier {
				t.Errorf("link group %d is of %q and %q", g, old, carrier)
			}
			groups[g] = carrier
		}
		linkTo[rec.Path] = rec.LinkTo
		return nil
	})
	if linkTo["zz-hard"] != "dir1/f01" || linkTo["two/b/zz-large"] != "two/b/large" {
		t.Errorf("hard links: %q, %q", linkTo["zz-hard"], linkTo["two/b/zz-large"])
	}
}

// Ctrl-C in the middle of a long file keeps its committed prefix: the rest is read,
// not the whole.
func TestCancelLongFile(t *testing.T) {
	src := smallTree(t, 19, 40<<20)
	want := readTree(t, src)
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 65536, packSize: 4 << 20})
	d := r.mustDevice()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for open := 0; open == 0; time.Sleep(time.Millisecond) {
			d.mu.Lock()
			open = len(d.state.partial)
			d.mu.Unlock()
		}
		cancel()
	}()
	if _, err := d.Load(ctx, src, LoadOptions{AcceptFindings: true}); !errors.Is(err, context.Canceled) {
		t.Skipf("the load was quicker: %v", err)
	}
	if d.Status().OpenFiles != 1 {
		t.Errorf("%d files in progress", d.Status().OpenFiles)
	}
	d.Close()
	d = r.mustDevice()
	defer d.Close()
	before := d.Status().BodyBytes
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); err != nil {
		t.Fatal(err)
	}
	if total := d.Status().BodyBytes; before == 0 || total > 42<<20 {
		t.Errorf("%d bytes before the stop, %d in all: the prefix was read again", before, total)
	}
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.check(want, res.Label); err != nil {
		t.Error(err)
	}
}

// TestManyEntries loads 10^5 entries, links among them, and finds each again.
func TestManyEntries(t *testing.T) {
	if !long() {
		t.Skip("SLEDGE_LONG is not set")
	}
	src := t.TempDir()
	for i := range 100000 {
		name := filepath.Join(src, fmt.Sprintf("d%02d/%06x", i%50, i*7919%1000003))
		if i < 50 {
			os.Mkdir(filepath.Dir(name), 0o755)
		}
		if i%10 == 9 {
			os.Link(filepath.Join(src, fmt.Sprintf("d%02d/%06x", (i-1)%50, (i-1)*7919%1000003)), name)
			continue
		}
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 65536})
	start := time.Now()
	rep := r.loadAll(src, LoadOptions{})
	loaded := time.Since(start)
	start = time.Now()
	res := r.sealAll()
	t.Logf("%d entries loaded in %v, sealed in %v", rep.Status.Entries, loaded, time.Since(start))
	if rep.Scan.Hardlinks != 10000 || rep.Status.Entries != 100050 {
		t.Errorf("%+v", rep.Status)
	}
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
	if _, err := r.device(); !errors.Is(err, ErrSealed) {
		t.Errorf("opened after the seal: %v", err)
	}
}
