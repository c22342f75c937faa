package importer

import (
	"maps"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestClashesKept: what the journal keeps of collisions comes back, from any page on, and
// that all are kept is known only when it was said.
func TestClashesKept(t *testing.T) {
	j, err := openJournal(memDisk(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	kept := keptClashes{j}
	want := map[entry.Place]entry.Clash{
		entry.PlaceOf(0, 3): {Kind: entry.ClashSame, Page: 7, Index: 1},
		entry.PlaceOf(7, 1): {Kind: entry.ClashBelow, Page: 0, Index: 3},
	}
	for at, c := range want {
		if err := kept.Keep(at, c); err != nil {
			t.Fatal(err)
		}
	}
	if all, _, err := kept.Known(); all || err != nil {
		t.Errorf("known before all were kept: %v", err)
	}
	if err := kept.All(true); err != nil {
		t.Fatal(err)
	}
	if all, some, err := kept.Known(); !all || !some || err != nil {
		t.Errorf("%v, %v, %v", all, some, err)
	}
	for _, from := range []uint64{0, 7} {
		rows, err := kept.From(from)
		if err != nil {
			t.Fatal(err)
		}
		got := map[entry.Place]entry.Clash{}
		for _, at := range []entry.Place{entry.PlaceOf(from, 0), entry.PlaceOf(from, 1), entry.PlaceOf(from, 3)} {
			c, err := rows.Of(at)
			if err != nil {
				t.Fatal(err)
			}
			if c.Kind != entry.ClashNone {
				got[at] = c
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		here := maps.Clone(want)
		maps.DeleteFunc(here, func(at entry.Place, _ entry.Clash) bool { return at.Page() != from })
		if !maps.Equal(got, here) {
			t.Errorf("from page %d: %v, want %v", from, got, here)
		}
	}
}

// TestSpillSwept: what a crash left where keys are sorted is removed before they are again.
func TestSpillSwept(t *testing.T) {
	disk := memDisk()
	if err := disk.Mkdir("spill", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Create("spill/sort-left", vfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (Options{StateDir: disk}).spillFolder(); err != nil {
		t.Fatal(err)
	}
	if left, err := disk.ReadDir("spill"); err != nil || len(left) != 0 {
		t.Errorf("%d files left: %v", len(left), err)
	}
}
