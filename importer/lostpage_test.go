package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// brokenSource loses pages as the reader of a device does: an entry that begins in
// front of one and goes on in it does not come.
type brokenSource struct {
	*fakeSource
	lost map[uint64]bool
}

func (s *brokenSource) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	told := map[uint64]bool{}
	tell := func(page uint64) error {
		if !s.lost[page] || told[page] || page < from {
			return nil
		}
		told[page] = true
		return f(entry.Entry{Page: page, Lost: errors.New("too few disks")})
	}
	for _, e := range s.entries {
		if e.Page = e.Raw[0].Page; e.Page < from {
			continue
		}
		broken := false
		for _, raw := range e.Raw {
			broken = broken || s.lost[raw.Page]
			if err := tell(raw.Page); err != nil {
				return err
			}
		}
		if broken {
			continue
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// long makes an entry go on behind its record.
func (s *fakeSource) long(path string) {
	s.file(path, []byte(path))
	e := &s.entries[len(s.entries)-1]
	e.Raw = append(e.Raw, e.Raw[0])
	s.totals.Records++
	s.sort()
}

// TestLostPageBehindSpan: an entry that goes on in a lost page is not forgotten,
// wherever the lanes part.
func TestLostPageBehindSpan(t *testing.T) {
	for _, lanes := range []int{1, 2, 3, 16} {
		t.Run(fmt.Sprint(lanes), func(t *testing.T) {
			s, f := newSource(), newFake(t)
			for _, path := range []string{"a", "b", "c"} {
				s.file(path, []byte(path))
			}
			s.long("d") // the last record of page 0, and the first of page 1
			for _, path := range []string{"e", "f", "g", "h", "i"} {
				s.file(path, []byte(path))
			}
			if at := s.entries[3].Raw; at[0].Page != 0 || at[1].Page != 1 {
				t.Fatalf("d stands at %+v", at)
			}
			o := testOptions(t, memDisk())
			o.Lanes = lanes
			// Page 1 is there at first, as if it had been done by an earlier start.
			for _, lost := range []map[uint64]bool{{1: true}, {2: true}, {1: true}} {
				if _, err := Run(context.Background(), &brokenSource{s, lost}, f, o); !target.HasCode(err, target.CodePageLost) {
					t.Fatalf("with %v lost: %v", lost, err)
				}
			}
			if res := mustRun(t, &brokenSource{s, nil}, f, o); !res.Complete || res.Tally.Entries() != 9 {
				t.Errorf("with all pages: %+v", res)
			}
			f.check(t, s, "in/")
		})
	}
}

// TestLostPageBehindLongEntry: an entry that is the only one to begin in its page, and goes on
// over several, is not forgotten where any of them is lost, wherever the lanes part.
func TestLostPageBehindLongEntry(t *testing.T) {
	for _, lanes := range []int{1, 2, 3, 16} {
		for _, first := range []string{"abcd", ""} { // it stands behind others, or begins the manifest
			for lost := uint64(1); lost <= 3; lost++ {
				t.Run(fmt.Sprintf("%d lanes, behind %q, page %d", lanes, first, lost), func(t *testing.T) {
					s, f := newSource(), newFake(t)
					for _, c := range first {
						s.file(string(c), []byte{byte(c)})
					}
					s.long("m")
					e := &s.entries[len(s.entries)-1]
					for range 10 { // pages 0 or 1 to 3 or 4
						e.Raw = append(e.Raw, e.Raw[0])
						s.totals.Records++
					}
					for _, path := range []string{"n", "o", "p", "q", "r", "s"} {
						s.file(path, []byte(path))
					}
					s.sort()
					o := testOptions(t, memDisk())
					o.Lanes = lanes
					if _, err := Run(t.Context(), &brokenSource{s, map[uint64]bool{lost: true}}, f, o); !target.HasCode(err, target.CodePageLost) {
						t.Fatal(err)
					}
					if res := mustRun(t, s, f, o); !res.Complete || res.Tally.Entries() != uint64(len(s.entries)) {
						t.Errorf("with all pages: %+v", res)
					}
					f.check(t, s, "in/")
				})
			}
		}
	}
}

// TestDirectoryBeforeLostPage: whether a directory is empty is not guessed.
func TestDirectoryBeforeLostPage(t *testing.T) {
	for _, lanes := range []int{1, 16} {
		s, f, disk := newSource(), newFake(t), memDisk()
		for _, path := range []string{"a", "b", "c"} {
			s.file(path, []byte(path))
		}
		s.add(&manifest.Record{Kind: manifest.KindDir, Path: "d", Mode: 0o755})
		for _, path := range []string{"d/e", "d/f"} {
			s.file(path, []byte(path))
		}
		o := testOptions(t, disk)
		o.Lanes, o.Directories = lanes, entry.PolicyEmpty
		res, err := Run(context.Background(), &brokenSource{s, map[uint64]bool{1: true}}, f, o)
		if !target.HasCode(err, target.CodePageLost) || f.ours() != 3 {
			t.Fatalf("%v, %d objects: %+v", err, len(f.objects), res)
		}
		if res := mustRun(t, s, f, o); !res.Complete || res.Tally.LeftOut["directory"] != 1 || len(f.objects) != 5 {
			t.Errorf("%d objects: %+v", len(f.objects), res)
		}
	}
}

// TestCollisionShowsLate: an object whose twin was on a lost page is there, and its
// line says so; the twin is what collides.
func TestCollisionShowsLate(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	for _, path := range []string{"a", "b", "c", "d", "x/a"} {
		s.file(path, []byte(path))
	}
	o := testOptions(t, disk)
	o.Rules = parseRules(t, `{"version":1,"keys":{"strip":"x/"}}`)
	if _, err := Run(context.Background(), &brokenSource{s, map[uint64]bool{1: true}}, f, o); !target.HasCode(err, target.CodePageLost) {
		t.Fatal(err)
	}
	res, err := Run(context.Background(), s, f, o)
	if err != nil || res.Tally.Bad() != 1 {
		t.Fatalf("%v, %+v", err, res)
	}
	var lines []string
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		lines = append(lines, fmt.Sprintf("%s %s %s", line.Outcome, line.Key, line.Error))
	}
	want := []string{"stored in/a ", "stored in/b ", "stored in/c ", "stored in/d ", "failed  key-collision"}
	if !slices.Equal(lines, want) {
		t.Errorf("lines %q", lines)
	}
}
