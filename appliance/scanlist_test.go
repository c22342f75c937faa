package appliance

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// emptyFiles is a source of so many files without content.
func emptyFiles(t testing.TB, count int) string {
	t.Helper()
	src := t.TempDir()
	for i := range count {
		if err := os.WriteFile(filepath.Join(src, fmt.Sprintf("a file with a name of some length %06d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return src
}

// TestListsAreReadOnce: a session decodes each scan list once, however often it asks
// for the ends of all; lists that come or go in between are seen.
func TestListsAreReadOnce(t *testing.T) {
	src := emptyFiles(t, 300)
	r := small32(t)
	for i := range 4 {
		r.loadAll(src, LoadOptions{As: fmt.Sprint("s", i)})
	}
	disks := r.cfg.Disks
	var c kindCounter
	r.cfg.Disks = c.watch(disks)
	d := r.mustDevice()
	c.reset()
	first := d.Status()
	once := c.bytes["scan"]
	for what, ask := range map[string]func() error{
		"status":     func() error { d.Status(); return nil },
		"unfinished": func() error { _, err := d.Unfinished(); return err },
		"complete":   d.complete,
		"holdings":   func() error { return d.Holdings(t.Context(), func(Holding) error { return nil }) },
		"load": func() error {
			_, err := d.Load(t.Context(), src, LoadOptions{As: "s2", AcceptFindings: true})
			return err
		},
	} {
		c.reset()
		if err := ask(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if again := c.bytes["scan"]; again > once/10 {
			t.Errorf("%s reads %d bytes of lists, the first call read %d", what, again, once)
		}
	}
	if second := d.Status(); !reflect.DeepEqual(first, second) {
		t.Errorf("status %+v, was %+v", second, first)
	}
	if _, err := d.Load(t.Context(), src, LoadOptions{As: "s9", AcceptFindings: true}); err != nil {
		t.Fatal(err)
	}
	lists, err := d.findLists()
	if err != nil || len(lists) != 5 || lists[4].tail.Count != 300 {
		t.Fatalf("%d lists after one more load: %v", len(lists), err)
	}
	for _, m := range r.mems {
		removeAll(t, m, lists[1].copies.Name)
	}
	if lists, err = d.findLists(); err != nil || len(lists) != 4 {
		t.Errorf("%d lists after one is gone: %v", len(lists), err)
	}
	d.Close()
}

// BenchmarkManyLists is a load that has nothing to do on a device with many lists.
//
//	go test -run '^$' -bench ManyLists -benchtime 5x ./appliance
func BenchmarkManyLists(b *testing.B) {
	src := emptyFiles(b, 2500)
	r := newMemRig(b, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	for i := range 40 {
		r.loadAll(src, LoadOptions{As: fmt.Sprint("s", i)})
	}
	for b.Loop() {
		r.loadAll(src, LoadOptions{As: "s7"})
	}
}
