package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// TestPages: a page that is done is not opened again, and one that is lost keeps
// nothing else from being imported.
func TestPages(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Lanes = 2
	lossy := &pagedSource{fakeSource: s, lost: map[uint64]bool{1: true}}
	res, err := Run(context.Background(), lossy, f, o)
	if !target.HasCode(err, target.CodePageLost) || res.ExitClass() != ExitFixable {
		t.Fatalf("%v, %+v", err, res)
	}
	for _, e := range s.entries {
		_, there := f.objects["in/"+e.Record.OrderKey()]
		if want := e.Raw[0].Page != 1 && e.Record.Reason == ""; there != want {
			t.Errorf("%s: in the store %v, want %v", e.Record.Path, there, want)
		}
	}
	whole := &pagedSource{fakeSource: s}
	if res := mustRun(t, whole, f, o); !res.Complete || res.Tally.Entries() != 9 {
		t.Errorf("%+v", res)
	}
	f.check(t, s, "in/")
	// Page 0 goes before the lost one, so it is looked at again; page 2 only for
	// the receipts, which open all three. Page 0 is opened for what the first start has
	// stored, too, and all three for the names that the first start did not see.
	looked := whole.opened[:max(0, len(whole.opened)-3)]
	if slices.Sort(looked); !slices.Equal(looked, []uint64{0, 0, 0, 1, 1, 2}) {
		t.Errorf("pages opened by the second start: %v", whole.opened)
	}
}

// TestResumeSkipsPages stops a run and counts what the next start looks at.
func TestResumeSkipsPages(t *testing.T) {
	s := newSource()
	for i := range 400 {
		s.file(fmt.Sprintf("f%03d", i), []byte{byte(i)})
	}
	f, disk := newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Lanes = 4
	ctx, cancel := context.WithCancel(context.Background())
	puts := 0
	f.hook = func(n int, call, key string) (bool, error) {
		if call == "put" && ours(key) {
			if puts++; puts == 300 {
				cancel()
			}
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	again := &pagedSource{fakeSource: s}
	heads := f.byCall["head"]
	res := mustRun(t, again, f, o)
	if !res.Complete || res.Tally.Entries() != 400 || res.Recheck == nil || res.Recheck.Size < 300 {
		t.Fatalf("%+v", res)
	}
	f.check(t, s, "in/")
	if n := f.byCall["head"] - heads - int(res.Recheck.Size); n > 40 {
		t.Errorf("%d HEADs by a resume", n)
	}
	// The first walk is of what is stored, the next of what is left, the last one for the
	// receipts.
	if n := len(again.opened) - 100; n < 75+20 || n > 85+50 {
		t.Errorf("%d of 100 pages opened to resume", n)
	}
}

// pagedSource counts the pages that are opened, and loses some.
type pagedSource struct {
	*fakeSource
	lost   map[uint64]bool
	opened []uint64
	mu     sync.Mutex
}

func (s *pagedSource) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	last, told := ^uint64(0), map[uint64]bool{}
	return s.fakeSource.Entries(ctx, from, func(e entry.Entry) error {
		if s.lost[e.Page] {
			if told[e.Page] {
				return nil
			}
			told[e.Page] = true
			return f(entry.Entry{Page: e.Page, Lost: errors.New("too few disks")})
		}
		err := f(e)
		if err == nil && e.Page != last {
			last = e.Page
			s.mu.Lock()
			s.opened = append(s.opened, e.Page)
			s.mu.Unlock()
		}
		return err
	})
}
