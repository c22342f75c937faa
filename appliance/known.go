package appliance

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// knownSet compares a scan, entry by entry in the manifest's order, with what the
// device holds. The entries are those of package catalog: what is compared here is
// what the seal will take. The zero value knows nothing.
//
// A path that another source has taken ends the scan, whatever kind of entry it is,
// and so does one above or below: nobody's file may silently replace another's.
type knownSet struct {
	groups uint64          // the highest link group
	force  bool            // times are not believed
	twins  map[string]bool // paths of sources that were loaded under this one's prefix
	report *scan.Report
	gone   func(path string) error // takes a path that was never loaded and is gone

	next func() knownEntry
	stop func()
	drop func() // gives the sorter back
	at   knownEntry

	met  []metEntry  // entries of the scan that are no folders and may have others below
	kept []keptEntry // the same of the device, which the scan has not met (yet)
}

// knownEntry is one of the device's entries.
type knownEntry struct {
	scan.Item
	key    string
	good   bool
	remark string // of a later look that failed
	own    bool   // the record itself has a remark
	rel    scan.Relation
	ok     bool // false: there are no more
	err    error
}

type metEntry struct {
	path   string
	failed bool // it could not be looked at: what the device holds stays
	folder bool // it is a folder that could not be read
}

type keptEntry struct {
	path    string
	kind    manifest.Kind
	from    string
	rel     scan.Relation
	good    bool
	size    int64
	claimed bool // the scan has found a folder there
}

func (k *knownSet) LastGroup() uint64 { return k.groups }

func (k *knownSet) WhenGone(f func(path string) error) { k.gone = f }

func (k *knownSet) Comparison() *scan.Report { return k.report }

func (k *knownSet) close() {
	if k.drop != nil {
		k.stop()
		k.drop()
	}
}

// knownEntries gathers what has been committed, from this source and from others;
// lists are all that there are.
func (d *Device) knownEntries(ctx context.Context, src *scan.Source, lists []*scanList, o *scan.Options) (*knownSet, error) {
	k := &knownSet{force: o.Force, twins: map[string]bool{}, report: &scan.Report{}}
	if d.state.entries == 0 && d.state.staged.Len() == 0 {
		return k, nil
	}
	relations := map[manifest.ID]scan.Relation{}
	roots := map[manifest.ID]string{journal.Doors: "a door of the device"}
	for _, l := range lists {
		relations[l.copies.ID] = l.head.RelationTo(src.Head(), o.Moved...)
		if l.broken != nil && l.head.Root == "" { // whose it is nobody knows
			relations[l.copies.ID] = scan.RelUnknown
		}
		roots[l.copies.ID] = l.head.Path()
		if l.head.Prefix() == src.Head().Prefix() {
			k.twins[l.head.Path()] = true
		}
	}
	looks, done, err := d.looks(ctx, lists, func(b []byte, list manifest.ID, r *manifest.Record, lost bool) []byte {
		k.groups = max(k.groups, r.LinkGroup)
		return knownValue(b, relations[list], roots[list], r, lost, slices.Contains(o.Continued, list))
	})
	if err != nil {
		return nil, err
	}
	k.begin(looks)
	k.drop = done
	return k, nil
}

// knownValue appends what decodeKnown reads: of a record, and of the source that it
// came from.
func knownValue(b []byte, rel scan.Relation, root string, r *manifest.Record, lost, ours bool) []byte {
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

// begin reads the sorted looks from their beginning.
func (k *knownSet) begin(looks catalog.Sorted) {
	step, stop := iter.Pull(func(yield func(knownEntry) bool) {
		err := catalog.Resolve(looks, catalog.Visit{Entry: func(e *catalog.Entry) error {
			if !yield(decodeKnown(e)) {
				return errStopped
			}
			return nil
		}})
		if err != nil && !errors.Is(err, errStopped) {
			yield(knownEntry{err: err})
		}
	})
	k.next, k.stop = func() knownEntry { e, _ := step(); return e }, stop
	k.at = k.next()
}

func decodeKnown(e *catalog.Entry) knownEntry {
	it, err := scan.DecodeItem(e.Value[1:])
	if err != nil {
		return knownEntry{err: err}
	}
	k := knownEntry{Item: *it, key: e.Key, good: e.Good, remark: e.Remark, own: e.Good && it.Reason != "", rel: scan.Relation(e.Value[0]), ok: true}
	return k
}

// Meet compares the scan's next entry, and tells whether it is on the device
// already and has not changed since. It sets the entry's flags.
func (k *knownSet) Meet(it *scan.Item) (same bool, err error) {
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
	if it.Kind != manifest.KindDir {
		k.met = append(k.met, metEntry{it.Path, it.Kind == manifest.KindSkipped, it.Flags&scan.ItemFolder != 0})
	}
	if err == nil {
		err = k.at.err
	}
	return same, err
}

// above looks for entries of the device that are no folders at or above a path of
// the scan.
func (k *knownSet) above(it *scan.Item) error {
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
func (k *knownSet) leave(key string) error {
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

func (k *knownSet) lost(e *keptEntry) error {
	switch {
	case e.rel == scan.RelOther || e.claimed:
		return nil
	case !e.good && e.rel.Sure():
		return k.gone(e.path)
	case !e.good:
		return nil
	}
	k.report.AddGone(e.path, e.size)
	return nil
}

// pass goes by an entry of the device that the scan has not met.
func (k *knownSet) pass() error {
	w := k.at
	k.at = k.next()
	if err := k.leave(w.key); err != nil {
		return err
	}
	for _, a := range k.met {
		if !covers(a.path, w.Path) {
			continue
		}
		switch {
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
	case w.Kind != manifest.KindDir:
		size := int64(0)
		if w.Kind == manifest.KindFile {
			size = w.Size
		}
		k.kept = append(k.kept, keptEntry{path: w.Path, kind: w.Kind, from: w.Detail, rel: w.rel, good: w.good, size: size})
	}
	return nil
}

// match compares an entry of the scan with the device's under the same key.
func (k *knownSet) match(it *scan.Item) (same bool, err error) {
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
	if it.Kind == manifest.KindSkipped {
		return false, nil
	}
	if !w.rel.Sure() {
		it.Flags |= scan.ItemUnsure
	}
	content := w.Size == it.Size && w.Mtime == it.Mtime
	if hasContent(w.Kind) && hasContent(it.Kind) && content {
		it.Flags |= scan.ItemReuse
	} else if w.Kind != manifest.KindDir && (w.Kind != it.Kind || !content) {
		k.replaced(it.Path, w.rel)
	}
	same = w.Kind == it.Kind && content && w.Ctime == it.Ctime
	if hasContent(it.Kind) { // of other sources times prove nothing: the bytes are compared
		same = same && !k.force && (w.rel == scan.RelSame || w.rel == scan.RelElsewhere)
	}
	if same && w.own {
		return false, nil
	}
	if same && w.remark != "" {
		it.Flags |= scan.ItemBelieve // the look that failed is over
		return false, nil
	}
	if same && it.Kind == manifest.KindHardlink && w.LinkTo != it.LinkTo {
		return false, nil
	}
	return same, nil
}

// hasContent tells whether a kind's records have extents.
func hasContent(kind manifest.Kind) bool {
	return kind == manifest.KindFile || kind == manifest.KindHardlink
}

func (k *knownSet) replaced(path string, rel scan.Relation) {
	k.report.Replaced++
	k.report.ReplacedPaths = scan.AppendPath(k.report.ReplacedPaths, path)
	k.doubt(path, rel)
}

func (k *knownSet) dropped(path string, rel scan.Relation) {
	k.report.Dropped++
	k.report.DroppedPaths = scan.AppendPath(k.report.DroppedPaths, path)
	k.doubt(path, rel)
}

// doubt counts what would go although nobody knows that this is its source.
func (k *knownSet) doubt(path string, rel scan.Relation) {
	if rel.Sure() {
		return
	}
	if k.report.Unsure == 0 {
		k.report.UnsurePath = path
	}
	k.report.Unsure++
}

// Rest passes what lies behind the last entry.
func (k *knownSet) Rest() error {
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
