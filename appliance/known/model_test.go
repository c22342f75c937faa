package known

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// TestHistories lives random histories of several sources, loads, failures and
// interruptions, and compares what the catalog and the comparison of a scan say with
// a naive model: a map of paths.
func TestHistories(t *testing.T) {
	histories := 40_000
	switch {
	case testing.Short():
		histories = 10_000
	case os.Getenv("SLEDGE_LONG") == "1":
		histories = 100_000
	}
	met := map[string]int{}
	for seed := range histories {
		h := newHistory(uint64(seed), met)
		for range 3 + h.rng.IntN(8) {
			if err := h.step(); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(h.story, "\n"))
			}
		}
	}
	for _, what := range []string{"remark", "remark off", "taken", "replaced", "dropped", "gone", "unread folder", "interrupted", "continued", "flip", "withdrawn", "skipped"} {
		if met[what] < 100 {
			t.Errorf("%q was met %d times", what, met[what])
		}
	}
}

// siteEntry is what a source has under a path.
type siteEntry struct {
	kind    manifest.Kind
	size    int64
	mtime   int64
	ctime   int64
	unread  bool // fails when it is read; a folder when it is listed
	content int  // another number is other content
}

type site struct {
	name, as string
	tree     map[string]siteEntry
	pending  []*scan.Item // of a load that was interrupted
}

// heldEntry is what the model says that the device holds.
type heldEntry struct {
	siteEntry
	owner  int
	good   bool
	remark bool
}

type history struct {
	rng   *rand.Rand
	met   map[string]int
	now   int64
	sites []*site
	held  map[string]heldEntry
	story []string

	looks  []manifest.Record // the journal
	source []int             // of each
}

func newHistory(seed uint64, met map[string]int) *history {
	h := &history{rng: rand.New(rand.NewPCG(seed, 7)), met: met, now: 1, held: map[string]heldEntry{}}
	for i, as := range []string{"", "", "a/b/"}[:1+h.rng.IntN(3)] {
		h.sites = append(h.sites, &site{name: fmt.Sprintf("/s%d", i), as: as, tree: map[string]siteEntry{}})
	}
	return h
}

func (h *history) say(format string, args ...any) {
	h.story = append(h.story, fmt.Sprintf(format, args...))
}

func (h *history) step() error {
	n := h.rng.IntN(len(h.sites))
	for range 1 + h.rng.IntN(5) {
		h.change(h.sites[n])
	}
	return h.load(n)
}

var historyNames = []string{"a", "b", "a/b", "a/c", "a/b/d", "a-b", "b/x", "a/b/d/e", "a b"}

// change is what people and disks do to a source.
func (h *history) change(s *site) {
	h.now++
	path := s.as + historyNames[h.rng.IntN(len(historyNames))]
	old, there := s.tree[path]
	switch n := h.rng.IntN(12); {
	case n < 2 && there: // removed
		h.cut(s, path)
		delete(s.tree, path)
		h.say("%s: %s removed", s.name, path)
		return
	case n < 4 && there: // rights
		old.unread, old.ctime = !old.unread, h.now
		if h.rng.IntN(2) == 0 { // the mend of a folder above touches no ctime
			old.ctime = s.tree[path].ctime
		}
		s.tree[path] = old
		h.say("%s: %s unread %v", s.name, path, old.unread)
		return
	case n < 5 && there && old.kind == manifest.KindFile: // chmod
		old.ctime = h.now
		s.tree[path] = old
		h.say("%s: %s chmod", s.name, path)
		return
	}
	e := siteEntry{kind: []manifest.Kind{manifest.KindFile, manifest.KindFile, manifest.KindDir, manifest.KindSymlink}[h.rng.IntN(4)], mtime: h.now, ctime: h.now, content: int(h.now)}
	if e.kind == manifest.KindFile {
		e.size = int64(h.rng.IntN(3))
	}
	for dir := parentPath(path); len(dir) > len(strings.TrimSuffix(s.as, "/")); dir = parentPath(dir) {
		if above, ok := s.tree[dir]; !ok || above.kind != manifest.KindDir {
			s.tree[dir] = siteEntry{kind: manifest.KindDir, mtime: h.now, ctime: h.now, content: -1}
		}
	}
	if there && e.kind == manifest.KindDir && old.kind == manifest.KindDir {
		return
	}
	h.cut(s, path)
	s.tree[path] = e
	h.say("%s: %s is a %s now", s.name, path, e.kind)
}

func parentPath(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// cut removes what is below a path.
func (h *history) cut(s *site, path string) {
	maps.DeleteFunc(s.tree, func(p string, _ siteEntry) bool { return p != path && covers(path, p) })
}

// scan gives a source's entries in the manifest's order.
func (h *history) scan(s *site) (items []*scan.Item) {
	for path, e := range s.tree {
		if slices.ContainsFunc(slices.Collect(maps.Keys(s.tree)), func(a string) bool {
			return a != path && covers(a, path) && s.tree[a].unread && s.tree[a].kind == manifest.KindDir
		}) {
			continue
		}
		it := &scan.Item{Path: path, Kind: e.kind, Size: e.size, Mtime: e.mtime, Ctime: e.ctime}
		if e.kind == manifest.KindDir && e.unread {
			it.Skip("unreadable", "folder")
			it.Flags |= scan.ItemFolder
		}
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b *scan.Item) int { return strings.Compare(a.OrderKey(), b.OrderKey()) })
	return items
}

// looksOf sorts the journal as the device does.
func (h *history) looksOf(to *memSorter, value func(i int) []byte) {
	a := &catalog.Adder{To: to}
	for i := range h.looks {
		a.Add(catalog.LookOf(&h.looks[i]), value(i))
	}
	for i, s := range h.sites {
		if s.as != "" && slices.ContainsFunc(slices.Collect(maps.Values(h.held)), func(e heldEntry) bool { return e.owner == i && e.good }) {
			a.Imply("a/b")
			a.Imply("a")
		}
	}
}

func (h *history) load(n int) error {
	s := h.sites[n]
	if h.blocked(n) {
		return nil
	}
	if len(s.pending) > 0 {
		h.met["continued"]++
		h.say("%s: continued", s.name)
		if cut, err := h.commit(n, s.pending); cut || err != nil {
			return err
		}
	}
	k := &Set{report: &scan.Report{}}
	sorted := &memSorter{}
	h.looksOf(sorted, func(i int) []byte {
		rel := scan.RelOther
		if h.source[i] == n {
			rel = scan.RelSame
		}
		return Value(nil, rel, h.sites[h.source[i]].name, &h.looks[i], false, false)
	})
	k.Begin(sorted, func() {})
	defer k.stop()
	var list []*scan.Item
	unchanged := map[string]bool{}
	k.gone = func(path string) error {
		h.met["withdrawn"]++
		list = append(list, (&scan.Item{Path: path}).Skip(catalog.Gone, ""))
		return nil
	}
	want := h.naive(n)
	var err error
	for _, it := range h.scan(s) {
		var same bool
		if same, err = k.Meet(it); err != nil {
			break
		}
		if same {
			unchanged[it.Path] = true
			continue
		}
		list = append(list, it)
	}
	if err == nil {
		err = k.Rest()
	}
	if errors.Is(err, ErrTaken) != want.taken || err != nil && !errors.Is(err, ErrTaken) {
		return fmt.Errorf("load of %s: %v, want taken: %v", s.name, err, want.taken)
	}
	if err != nil {
		h.met["taken"]++
		h.say("%s: refused", s.name)
		return h.check()
	}
	if err := want.compare(k.report, unchanged); err != nil {
		return fmt.Errorf("load of %s: %w", s.name, err)
	}
	h.count(want)
	h.say("%s: load of %d", s.name, len(list))
	whole, err := h.commit(n, list)
	if err == nil && !whole {
		err = h.settled(n)
	}
	return err
}

// blocked tells whether another source's load has not finished.
func (h *history) blocked(n int) bool {
	for i, s := range h.sites {
		if i != n && len(s.pending) > 0 {
			return true
		}
	}
	return false
}

// commit loads items of a list in any order, folders that take another's place first,
// and may be interrupted.
func (h *history) commit(n int, list []*scan.Item) (cut bool, err error) {
	s := h.sites[n]
	h.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *scan.Item) int { return int(b.Flags&scan.ItemFlip) - int(a.Flags&scan.ItemFlip) })
	end := len(list)
	if h.rng.IntN(4) == 0 {
		end = h.rng.IntN(len(list) + 1)
	}
	for _, it := range list[:end] {
		h.look(n, s, it)
		if err := h.check(); err != nil {
			return false, err
		}
	}
	s.pending = list[end:]
	if len(s.pending) > 0 {
		h.met["interrupted"]++
		h.say("%s: interrupted with %d left", s.name, len(s.pending))
	}
	return len(s.pending) > 0, nil
}

// look loads one item as the source is now.
func (h *history) look(n int, s *site, it *scan.Item) {
	now, there := s.tree[it.Path]
	r := manifest.Record{Kind: manifest.KindSkipped, Path: it.Path, Reason: it.Reason}
	unread := false
	for p, e := range s.tree {
		unread = unread || p != it.Path && covers(p, it.Path) && e.unread
	}
	flip := it.Flags&scan.ItemFlip != 0 && it.Kind == manifest.KindDir
	switch {
	case it.Kind == manifest.KindSkipped:
	case flip:
		r = manifest.Record{Kind: manifest.KindDir, Path: it.Path, Mtime: time.Unix(0, it.Mtime), Ctime: time.Unix(0, it.Ctime)}
		now, h.met["flip"] = siteEntry{kind: manifest.KindDir, mtime: it.Mtime, ctime: it.Ctime, content: now.content}, h.met["flip"]+1
	case !there:
		r.Reason = "vanished"
	case now.kind != it.Kind:
		r.Reason = "changed"
	case now.unread && now.kind == manifest.KindFile && it.Flags&scan.ItemBelieve == 0, unread:
		r.Reason = "unreadable"
	default:
		r = manifest.Record{Kind: now.kind, Path: it.Path, Size: now.size, Mtime: time.Unix(0, now.mtime), Ctime: time.Unix(0, now.ctime)}
	}
	h.looks, h.source = append(h.looks, r), append(h.source, n)
	old, held := h.held[it.Path]
	switch {
	case r.Kind != manifest.KindSkipped:
		if r.Kind != manifest.KindDir {
			maps.DeleteFunc(h.held, func(p string, _ heldEntry) bool { return p != it.Path && covers(it.Path, p) })
		}
		h.held[it.Path] = heldEntry{siteEntry: now, owner: n, good: true}
	case r.Reason == catalog.Gone:
		if !old.good {
			delete(h.held, it.Path)
		}
	case held && old.good:
		old.remark = true
		h.held[it.Path] = old
		h.met["remark"]++
	case !slices.ContainsFunc(slices.Collect(maps.Keys(h.held)), func(a string) bool {
		return a != it.Path && covers(a, it.Path) && h.held[a].good && h.held[a].kind != manifest.KindDir
	}):
		h.held[it.Path] = heldEntry{owner: n}
		h.met["skipped"]++
	}
}

// check compares what the catalog gives with the model.
func (h *history) check() error {
	sorted := &memSorter{}
	h.looksOf(sorted, func(i int) []byte { return Value(nil, scan.RelSame, "", &h.looks[i], false, false) })
	got := map[string]heldEntry{}
	err := catalog.Resolve(sorted, catalog.Visit{Entry: func(e *catalog.Entry) error {
		k := Decode(e)
		if _, twice := got[k.Path]; twice {
			return fmt.Errorf("two entries of %q", k.Path)
		}
		got[k.Path] = heldEntry{siteEntry: siteEntry{kind: k.Kind, size: k.Size, mtime: k.Mtime, ctime: k.Ctime}, good: k.good, remark: k.Remark != ""}
		return nil
	}})
	if err != nil {
		return err
	}
	for path, want := range h.held {
		have, ok := got[path]
		want.owner, want.content, want.unread = 0, 0, false
		if !want.good {
			want.siteEntry, have.siteEntry = siteEntry{}, siteEntry{}
		}
		if !ok || have != want {
			return fmt.Errorf("%q: have %v %+v, want %+v", path, ok, have, want)
		}
	}
	for path := range got {
		if _, ok := h.held[path]; !ok {
			return fmt.Errorf("%q should not be there", path)
		}
	}
	return nil
}

// settled: after a load that ran to its end, the device holds what the source has,
// but for what could not be read, which is named.
func (h *history) settled(n int) error {
	s := h.sites[n]
	for _, it := range h.scan(s) {
		e, have := s.tree[it.Path], h.held[it.Path]
		failed := it.Kind == manifest.KindSkipped || e.unread && e.kind == manifest.KindFile
		switch {
		case failed && have.good && !have.remark && (have.ctime != e.ctime || have.kind != e.kind || have.owner != n):
			return fmt.Errorf("%q could not be read, and nothing says so: %+v", it.Path, have)
		case failed && !have.good && have.owner != n:
			return fmt.Errorf("%q could not be read, and is not named", it.Path)
		case !failed && (!have.good || have.kind != e.kind || have.kind != manifest.KindDir && (have.mtime != e.mtime || have.content != e.content)):
			return fmt.Errorf("%q is %+v, want %+v", it.Path, have, e)
		case !failed && have.remark && have.owner == n:
			return fmt.Errorf("%q was read, and its remark stays", it.Path)
		}
	}
	return nil
}

// expected is what the naive comparison of a source with the model gives.
type expected struct {
	taken                   bool
	replaced, dropped, gone int
	unchanged               map[string]bool
	remarkOff, unreadFolder int
}

func (h *history) naive(n int) *expected {
	x := &expected{unchanged: map[string]bool{}}
	items := map[string]*scan.Item{}
	for _, it := range h.scan(h.sites[n]) {
		items[it.Path] = it
	}
	for path, e := range h.held {
		at := items[path]
		state := "gone"
		for p, it := range items {
			if p == path || !covers(p, path) || it.Kind == manifest.KindDir {
				continue
			}
			if it.Kind == manifest.KindSkipped {
				state = "not looked at"
			} else {
				state = "dropped"
			}
		}
		if e.owner != n {
			both := at != nil && at.Kind == manifest.KindDir && e.good && e.kind == manifest.KindDir
			failed := at != nil && at.Kind == manifest.KindSkipped
			x.taken = x.taken || at != nil && !both && !failed || at == nil && state == "dropped"
			for p := range items {
				x.taken = x.taken || p != path && covers(path, p) && (e.kind != manifest.KindDir || !e.good)
			}
			if both {
				x.unchanged[path] = true
			}
			continue
		}
		if !e.good {
			continue
		}
		switch {
		case at == nil && state == "dropped":
			x.dropped++
		case at == nil && state == "gone":
			x.gone++
		case at == nil:
			x.unreadFolder++
		case at.Kind == manifest.KindSkipped:
		case at.Kind != e.kind:
			x.replaced++
		case at.Kind != manifest.KindDir && (at.Size != e.size || at.Mtime != e.mtime):
			x.replaced++
		case at.Mtime == e.mtime && at.Ctime == e.ctime && !e.remark:
			x.unchanged[path] = true
		case e.remark:
			x.remarkOff++
		}
	}
	return x
}

func (x *expected) compare(r *scan.Report, unchanged map[string]bool) error {
	if int(r.Replaced) != x.replaced || int(r.Dropped) != x.dropped || int(r.Gone) != x.gone {
		return fmt.Errorf("replaced %d %q, dropped %d %q, gone %d %q; want %d, %d, %d", r.Replaced, r.ReplacedPaths, r.Dropped, r.DroppedPaths, r.Gone, r.GonePaths, x.replaced, x.dropped, x.gone)
	}
	if !maps.Equal(unchanged, x.unchanged) {
		return fmt.Errorf("unchanged %v, want %v", unchanged, x.unchanged)
	}
	return nil
}

func (h *history) count(x *expected) {
	h.met["replaced"] += x.replaced
	h.met["dropped"] += x.dropped
	h.met["gone"] += x.gone
	h.met["remark off"] += x.remarkOff
	h.met["unread folder"] += x.unreadFolder
}

// memSorter is a sorter in memory.
type memSorter struct{ all [][2]string }

func (p *memSorter) Add(key, value []byte) error {
	p.all = append(p.all, [2]string{string(key), string(value)})
	return nil
}

func (p *memSorter) Each(f func(key, value []byte) error) error {
	slices.SortStableFunc(p.all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, kv := range p.all {
		if err := f([]byte(kv[0]), []byte(kv[1])); err != nil {
			return err
		}
	}
	return nil
}
