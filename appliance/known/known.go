package known

import (
	"errors"
	"iter"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// Set compares a scan, entry by entry in the manifest's order, with what the
// device holds. The entries are those of package catalog: what is compared here is
// what the seal will take. The zero value knows nothing.
//
// A path that another source has taken ends the scan, whatever kind of entry it is,
// and so does one above or below: nobody's file may silently replace another's.
type Set struct {
	groups  uint64          // the highest link group
	force   bool            // times are not believed
	twins   map[string]bool // paths of sources that were loaded under this one's prefix
	report  *scan.Report
	removed func(key string) error  // takes what is gone for certain; nil is allowed
	gone    func(path string) error // takes a path that was never loaded and is gone

	next func() Entry
	stop func()
	drop func() // gives the sorter back
	at   Entry

	met  []metEntry  // entries of the scan that are no folders and may have others below
	kept []keptEntry // the same of the device, which the scan has not met (yet)
}

// Entry is one of the device's entries.
type Entry struct {
	scan.Item
	key    string
	good   bool
	Remark string // of a later look that failed
	Own    bool   // the record itself has a remark
	rel    scan.Relation
	ok     bool // false: there are no more
	err    error
}

type metEntry struct {
	path   string
	failed bool // it could not be looked at: what the device holds stays
	folder bool // it is a folder that could not be read
	hold   bool // a folder below which nothing is withdrawn
	leave  bool // a filter leaves it, or what it holds, out
}

type keptEntry struct {
	path    string
	kind    manifest.Kind
	from    string
	rel     scan.Relation
	good    bool
	size    int64
	held    bool // it is below a folder where nothing is withdrawn
	claimed bool // the scan has found a folder there
}

// LastGroup, WhenGone and Comparison are those of [scan.Known].
func (k *Set) LastGroup() uint64 { return k.groups }

func (k *Set) WhenGone(f func(path string) error) { k.gone = f }

// WhenRemoved has f take the key of every entry that was loaded from this very source and is gone
// from it.
func (k *Set) WhenRemoved(f func(key string) error) { k.removed = f }

func (k *Set) Comparison() *scan.Report { return k.report }

// Close gives the looks back.
func (k *Set) Close() {
	if k.drop != nil {
		k.stop()
		k.drop()
	}
}

// New knows nothing yet; with force times are not believed. Close it.
func New(force bool) *Set {
	return &Set{force: force, twins: map[string]bool{}, report: &scan.Report{}}
}

// Twin says that a source of this path was loaded under the scanned one's prefix.
func (k *Set) Twin(root string) { k.twins[root] = true }

// Group says that a record has this link group.
func (k *Set) Group(n uint64) { k.groups = max(k.groups, n) }

// Value appends what Decode reads: of a record, and of the source that it
// came from.
func Value(b []byte, rel scan.Relation, root string, r *manifest.Record, lost, ours bool) []byte {
	it := scan.Item{Path: r.Path, Kind: r.Kind, Size: r.Size, Mtime: r.Mtime.UnixNano(), Ctime: r.Ctime.UnixNano(), LinkTo: r.LinkTo, Reason: r.Remark}
	if rel == scan.RelOther {
		it.Detail = root // whose file it is
	}
	if lost {
		it.Flags = scan.ItemLost
	}
	if ours {
		it.Flags |= scan.ItemOurs
	}
	return append(append(b, byte(rel)), it.Encode()...)
}

// errClosed ends the reading of looks.
var errClosed = errors.New("closed")

// Begin reads the sorted looks, whose values are Value's, from their beginning; drop gives
// them back.
func (k *Set) Begin(looks catalog.Sorted, drop func()) {
	k.drop = drop
	step, stop := iter.Pull(func(yield func(Entry) bool) {
		err := catalog.Resolve(looks, catalog.Visit{Entry: func(e *catalog.Entry) error {
			if !yield(Decode(e)) {
				return errClosed
			}
			return nil
		}})
		if err != nil && !errors.Is(err, errClosed) {
			yield(Entry{err: err})
		}
	})
	k.next, k.stop = func() Entry {
		e, _ := step()
		if e.ok && e.good && e.rel.Sure() {
			k.report.Loaded++
		}
		return e
	}, stop
	k.at = k.next()
}

// Decode reads an entry whose value is [Value]'s.
func Decode(e *catalog.Entry) Entry {
	it, err := scan.DecodeItem(e.Value[1:])
	if err != nil {
		return Entry{err: err}
	}
	k := Entry{Item: *it, key: e.Key, good: e.Good, Remark: e.Remark, Own: e.Good && it.Reason != "", rel: scan.Relation(e.Value[0]), ok: true}
	return k
}

// Meet compares the scan's next entry, and tells whether it is on the device
// already and has not changed since. It sets the entry's flags.
func (k *Set) Meet(it *scan.Item) (same bool, err error) {
	key := it.OrderKey()
	for k.at.ok && k.at.key < key {
		if err := k.pass(); err != nil {
			return false, err
		}
	}
	if k.at.err != nil {
		return false, k.at.err
	}
	if err := k.leave(key); err != nil {
		return false, err
	}
	if err := k.above(it); err != nil {
		return false, err
	}
	if k.at.ok && k.at.key == key {
		same, err = k.match(it)
		k.at = k.next()
	}
	if shut := it.Flags&scan.ItemShut != 0; it.Kind != manifest.KindDir || shut {
		k.met = append(k.met, metEntry{path: it.Path, failed: it.Kind == manifest.KindSkipped || shut, folder: it.Flags&scan.ItemFolder != 0, leave: shut || it.Flags&scan.ItemLeftOut != 0})
	}
	if it.Flags&scan.ItemHold != 0 {
		k.met = append(k.met, metEntry{path: it.Path, hold: true})
	}
	if err == nil {
		err = k.at.err
	}
	return same, err
}

// above looks for entries of the device that are no folders at or above a path of
// the scan.
func (k *Set) above(it *scan.Item) error {
	for i := range k.kept {
		a := &k.kept[i]
		if a.path == it.Path && it.Kind != manifest.KindDir || !covers(a.path, it.Path) {
			continue
		}
		if a.rel == scan.RelOther {
			return k.taken(it.Path, a)
		}
		if a.good && !a.claimed {
			k.replaced(a.path, a.rel)
			it.Flags |= scan.ItemFlip
		}
		a.claimed = true
	}
	return nil
}

// covers tells whether a path is another one or below it.
func covers(above, path string) bool {
	return strings.HasPrefix(path, above) && (len(path) == len(above) || path[len(above)] == '/')
}

// kindText is a kind of entries with its article.
func kindText(kind manifest.Kind) string {
	if kind == manifest.KindSkipped {
		return "an entry that could not be read"
	}
	return "a " + kind.String()
}

// leave forgets what can have nothing at or behind key below it. Of the device's
// entries that were not met, those that no folder has taken the place of are gone.
func (k *Set) leave(key string) error {
	for n := len(k.met); n > 0 && !strings.HasPrefix(key, k.met[n-1].path); n-- {
		k.met = k.met[:n-1]
	}
	for n := len(k.kept); n > 0 && !strings.HasPrefix(key, k.kept[n-1].path); n-- {
		last := k.kept[n-1]
		k.kept = k.kept[:n-1]
		if err := k.lost(&last); err != nil {
			return err
		}
	}
	return nil
}

func (k *Set) lost(e *keptEntry) error {
	switch {
	case e.rel == scan.RelOther || e.claimed:
		return nil
	case !e.good && e.rel.Sure():
		return k.gone(e.path)
	case !e.good:
		return nil
	}
	k.report.AddGone(e.path, e.size)
	return k.remove(e.path, e.rel, e.held)
}

// remove hands an entry on that is gone, if this is its source for certain.
func (k *Set) remove(key string, rel scan.Relation, held bool) error {
	switch {
	case !rel.Sure() || k.removed == nil:
		return nil
	case held:
		k.report.RemoveHeld++
		return nil
	}
	k.report.Removable++
	return k.removed(key)
}

// pass goes by an entry of the device that the scan has not met.
func (k *Set) pass() error {
	w := k.at
	k.at = k.next()
	if err := k.leave(w.key); err != nil {
		return err
	}
	held := false
	for _, a := range k.met {
		if !covers(a.path, w.Path) {
			continue
		}
		if a.hold {
			held = true
			continue
		}
		switch {
		case a.leave: // not asked for: that takes nobody's place either
			k.leftOut(&w)
		case a.failed: // not looked at: that takes nobody's place
		case w.rel == scan.RelOther:
			return k.taken(a.path, &keptEntry{path: w.Path, kind: w.Kind, from: w.Detail})
		case w.Path == a.path:
			k.replaced(w.Path, w.rel)
		case w.good:
			k.dropped(w.Path, w.rel)
		}
		return nil
	}
	switch {
	case w.rel != scan.RelOther && w.good && w.Kind == manifest.KindDir:
		k.report.AddGone(w.Path, 0)
		return k.remove(w.Path+"/", w.rel, held)
	case w.Kind != manifest.KindDir:
		size := int64(0)
		if w.Kind == manifest.KindFile {
			size = w.Size
		}
		k.kept = append(k.kept, keptEntry{path: w.Path, kind: w.Kind, from: w.Detail, rel: w.rel, good: w.good, size: size, held: held})
	}
	return nil
}

// match compares an entry of the scan with the device's under the same key.
func (k *Set) match(it *scan.Item) (same bool, err error) {
	w := &k.at
	if w.rel == scan.RelOther {
		if w.Kind == manifest.KindDir && it.Kind == manifest.KindDir {
			k.report.Shared++ // folders of two sources are one
			return true, nil
		}
		if it.Kind == manifest.KindSkipped { // a failed look takes nobody's place
			return false, nil
		}
		return false, k.taken(it.Path, &keptEntry{path: w.Path, kind: w.Kind, from: w.Detail}) // also if size and times agree: two files may be made in one tick
	}
	if !w.good || w.Flags&scan.ItemLost != 0 { // what is lost is loaded again, and nothing of it is of use
		return false, nil
	}
	it.Flags |= scan.ItemKnown | w.Flags&scan.ItemOurs
	if it.Flags&scan.ItemLeftOut != 0 {
		k.leftOut(w)
	}
	if it.Kind == manifest.KindSkipped {
		return false, nil
	}
	if !w.rel.Sure() {
		it.Flags |= scan.ItemUnsure
	}
	content := w.Size == it.Size && w.Mtime == it.Mtime
	if catalog.HasContent(w.Kind) && catalog.HasContent(it.Kind) && content {
		it.Flags |= scan.ItemReuse
	} else if w.Kind != manifest.KindDir && (w.Kind != it.Kind || !content) {
		k.replaced(it.Path, w.rel)
	}
	same = w.Kind == it.Kind && content && w.Ctime == it.Ctime
	if catalog.HasContent(it.Kind) { // of other sources times prove nothing: the bytes are compared
		same = same && !k.force && (w.rel == scan.RelSame || w.rel == scan.RelElsewhere)
	}
	if same && w.Own {
		return false, nil
	}
	if same && w.Remark != "" {
		it.Flags |= scan.ItemBelieve // the look that failed is over
		return false, nil
	}
	if same && it.Kind == manifest.KindHardlink && w.LinkTo != it.LinkTo {
		return false, nil
	}
	return same, nil
}

// leftOut counts an entry of this source that a filter leaves out now. It stays.
func (k *Set) leftOut(w *Entry) {
	if w.rel != scan.RelOther && w.good {
		k.report.Kept++
	}
}

func (k *Set) replaced(path string, rel scan.Relation) {
	k.report.Replaced++
	k.report.ReplacedPaths = scan.AppendPath(k.report.ReplacedPaths, path)
	k.doubt(path, rel)
}

func (k *Set) dropped(path string, rel scan.Relation) {
	k.report.Dropped++
	k.report.DroppedPaths = scan.AppendPath(k.report.DroppedPaths, path)
	k.doubt(path, rel)
}

// doubt counts what would go although nobody knows that this is its source.
func (k *Set) doubt(path string, rel scan.Relation) {
	if rel.Sure() {
		return
	}
	if k.report.Unsure == 0 {
		k.report.UnsurePath = path
	}
	k.report.Unsure++
}

// Rest passes what lies behind the last entry.
func (k *Set) Rest() error {
	for k.at.ok {
		if err := k.pass(); err != nil {
			return err
		}
	}
	if k.at.err != nil {
		return k.at.err
	}
	for n := len(k.kept); n > 0; n-- {
		last := k.kept[n-1]
		k.kept = k.kept[:n-1]
		if err := k.lost(&last); err != nil {
			return err
		}
	}
	return nil
}
