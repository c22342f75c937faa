package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// A scan list is saved before loading begins, encrypted, on m+1 disks: a load
// that is resumed goes on in the same list, so a source is walked once.
//
//	frame 0: head (root, prefix)   frames: items   last frame: tail (totals)

type listTail struct {
	Count  uint64      `json:"count"`           // items in the list
	Bytes  int64       `json:"bytes,omitempty"` // of the files among them
	Report scan.Report `json:"report"`

	Replaced [][]byte `json:"replaced_paths,omitempty"` // some of them; the report counts all
	Dropped  [][]byte `json:"dropped_paths,omitempty"`
	Gone     [][]byte `json:"gone_paths,omitempty"`
	Mounts   [][]byte `json:"mounts,omitempty"` // all of them, at most scan.MaxMounts
}

var listSchema = fields.Schema{1: true, 2: true, 3: true}

const itemsPerFrame = 2048

// scanList is a saved list.
type scanList struct {
	copies *frames.File
	head   scan.Head
	tail   listTail
	broken error // why not all of it can be read; its head may be empty, its tail is
}

// makeList scans a source and saves the list. It is complete, and counts, only
// with its tail.
func (d *Device) makeList(ctx context.Context, src *scan.Source, o scan.Options) (*scanList, error) {
	fsys, err := d.scratchDisk()
	if err != nil {
		return nil, err
	}
	lists, err := d.findLists()
	if err != nil {
		return nil, err
	}
	if err := d.sameMedium(src, lists, o); err != nil {
		return nil, err
	}
	known, err := d.knownEntries(ctx, src, lists, &o)
	if err != nil {
		return nil, err
	}
	defer known.Close()
	known.WhenRemoved(o.Removed)
	f, err := d.newFrameFile(frames.ScanList, d.ordinal)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d.ordinal++
	head := *src.Head()
	head.Filters = scan.NewFilters(src.Filter)
	head.Continues = o.Continued[max(0, len(o.Continued)-scan.MaxContinues):]
	if err := appendList(f, 2, head); err != nil {
		d.removeList(f.Name)
		return nil, err
	}
	var items [][]byte
	var tail listTail
	flush := func() error {
		if len(items) == 0 {
			return nil
		}
		w := fields.NewWriter(nil)
		w.List(1, true, items)
		items = items[:0]
		return f.Append(nil, w.Bytes(), false)
	}
	report, err := scan.List(ctx, src, o, fsys.Disk.FS, disk.TempDir, known, func(n uint64, it *scan.Item) error {
		items = append(items, it.Encode())
		tail.Count = n + 1
		if it.Kind == manifest.KindFile {
			tail.Bytes += it.Size
		}
		if len(items) == itemsPerFrame {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = mayBeLoaded(src, report, &o)
	}
	if err == nil {
		tail.keep(report)
		err = appendList(f, 3, tail)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		d.removeList(f.Name)
		return nil, err
	}
	return &scanList{copies: f.File(), head: head, tail: tail}, nil
}

// sameMedium refuses another file system at the path of an earlier load.
func (d *Device) sameMedium(src *scan.Source, lists []*scanList, o scan.Options) error {
	if o.Replace {
		return nil
	}
	now := src.Head()
	var last *scanList
	for _, l := range lists {
		if st := d.state.lists[l.copies.ID]; st == nil || st.good == 0 {
			continue
		}
		if l.head.Path() == now.Path() && l.head.RelationTo(now) != scan.RelOther {
			last = l
		}
	}
	if last != nil && last.head.RelationTo(now) == scan.RelMedium {
		return newMediumError(src.Root, now, &last.head)
	}
	return nil
}

// mayBeLoaded refuses what is most often a mistake.
func mayBeLoaded(src *scan.Source, r *scan.Report, o *scan.Options) error {
	if r.Entries == 0 && !o.Empty && r.LeftOutCount > 0 {
		return fmt.Errorf("%w: %s", scan.ErrLeftOut, src.Root)
	}
	if r.Entries == 0 && !o.Empty {
		return fmt.Errorf("source %s: %w", src.Root, scan.ErrEmptySource)
	}
	if r.Entries == 0 { // an empty source withdraws nothing
		r.Removable = 0
	}
	if o.MayRemove != nil {
		if err := o.MayRemove(r); err != nil {
			return err
		}
	}
	if r.Unsure > 0 && !o.Replace {
		return fmt.Errorf("%w: %s, one of them %q", ErrReplaces, words.Count(r.Unsure, "entry", "entries"), r.UnsurePath)
	}
	return nil
}

// maxKept bounds the findings and the paths of each kind that a list keeps.
const maxKept = 1000

func (t *listTail) keep(r *scan.Report) {
	t.Report = *r
	t.Report.Findings = r.Findings[:min(len(r.Findings), maxKept)]
	for _, kind := range []struct {
		to   *[][]byte
		from []string
	}{{&t.Replaced, r.ReplacedPaths}, {&t.Dropped, r.DroppedPaths}, {&t.Gone, r.GonePaths}} {
		for _, path := range kind.from[:min(len(kind.from), maxKept)] {
			*kind.to = append(*kind.to, []byte(path))
		}
	}
	for _, path := range r.MountPaths {
		t.Mounts = append(t.Mounts, []byte(path))
	}
}

// report is what the scan found, with the paths that the list keeps.
func (t *listTail) report() scan.Report {
	r := t.Report
	for _, kind := range []struct {
		to   *[]string
		from [][]byte
	}{{&r.ReplacedPaths, t.Replaced}, {&r.DroppedPaths, t.Dropped}, {&r.GonePaths, t.Gone}} {
		if *kind.to != nil {
			continue
		}
		for _, path := range kind.from {
			*kind.to = append(*kind.to, string(path))
		}
	}
	return r
}

func appendList(f *frames.Writer, number int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w := fields.NewWriter(nil)
	w.Blob(number, true, b)
	return f.Append(nil, w.Bytes(), false)
}

func (d *Device) removeList(name string) {
	d.bays.Each(func(b *disk.Bay) error {
		if _, err := b.Disk.FS.Stat(name); err != nil {
			return nil
		}
		return durable.Remove(b.Disk.FS, name)
	})
}

// eachRecord calls f for every committed record of the journal, in order.
func (d *Device) eachRecord(f func([]byte) error) error {
	return d.eachListed(func(_ manifest.ID, b []byte) error { return f(b) }, nil)
}

// eachListed says, too, which scan list a record came from, and which paths doors have
// withdrawn, to who asks for that. What is staged comes last.
func (d *Device) eachListed(f func(list manifest.ID, record []byte) error, withdrawn func(path string) error) error {
	err := d.eachFrame(func(fr frames.Frame) error {
		m, err := journal.Decode(fr.Plain)
		if err != nil {
			return err
		}
		for _, r := range m.Records {
			if err := f(m.List, r); err != nil {
				return err
			}
		}
		for _, t := range m.Taken {
			if t.Withdrawn == "" || withdrawn == nil {
				continue
			}
			if err := withdrawn(t.Withdrawn); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.eachStaged(func(b []byte) error { return f(journal.Doors, b) })
}

// findLists reads head and tail of the saved lists, in order. A list that cannot be
// read to its tail was never finished, or is damaged. It is removed if nothing has
// been committed from it. Else it is returned with the cause in broken: what has
// been committed stays on the device, the rest has to be scanned again, and the
// list counts as unfinished.
func (d *Device) findLists() ([]*scanList, error) {
	files, err := d.findFrameFiles(frames.ScanList)
	if err != nil {
		return nil, err
	}
	var lists []*scanList
	var useless []string
	for _, c := range files {
		l := &scanList{copies: c}
		if !c.Headless {
			d.ordinal = max(d.ordinal, c.Ordinal+1)
		}
		if err := d.readEnds(l); err != nil {
			return nil, fmt.Errorf("scan list %s: %w", c.ID, err)
		}
		// A list is written without syncing each frame: a crash may leave later
		// ones without earlier ones. Nothing has been loaded from such a list.
		if l.broken != nil && !d.state.begun(c.ID) {
			useless = append(useless, c.Name)
			continue
		}
		lists = append(lists, l)
	}
	if len(useless) == 0 || d.look {
		return lists, nil
	}
	if err := d.enough(); err != nil {
		return nil, err
	}
	for _, name := range useless {
		d.removeList(name)
	}
	return lists, nil
}

// listEnds are the head and the tail of a list that was read whole.
type listEnds struct {
	head scan.Head
	tail listTail
}

// readEnds reads a list's head and tail, or says in broken why that cannot be. Between
// them stands all of the list, so a session reads them once: a list with a tail never
// changes, its id never comes again, and whether it is still there the caller has seen.
// A broken list is read again each time, for its disks may answer then.
func (d *Device) readEnds(l *scanList) error {
	if l.copies.Headless {
		l.broken = l.copies.ErrHeadless(d.bays.Missing())
		return nil
	}
	if e, ok := d.ends[l.copies.ID]; ok {
		l.head, l.tail = e.head, e.tail
		return nil
	}
	whole := false
	_, err := d.frames().Read(l.copies, false, func(fr frames.Frame) error {
		return fields.Decode(fr.Plain, listSchema, func(f fields.Field) error {
			switch f.Number {
			case 2:
				return json.Unmarshal(f.Value, &l.head)
			case 3:
				whole = true
				return json.Unmarshal(f.Value, &l.tail)
			}
			return nil
		})
	})
	switch {
	case errors.Is(err, disk.ErrLost):
		l.broken, l.tail = fmt.Errorf("scan list %s: %w", l.copies.ID, err), listTail{}
		return nil
	case err != nil:
		return err
	case !whole:
		l.broken = fmt.Errorf("%w: scan list %s has no end", disk.ErrLost, l.copies.ID)
		return nil
	}
	if d.ends == nil {
		d.ends = map[manifest.ID]listEnds{}
	}
	d.ends[l.copies.ID] = listEnds{l.head, l.tail}
	return nil
}

// items calls f for every item of the list with its position.
func (d *Device) items(l *scanList, f func(uint64, *scan.Item) error) error {
	var n uint64
	_, err := d.frames().Read(l.copies, false, func(fr frames.Frame) error {
		return fields.Decode(fr.Plain, listSchema, func(fl fields.Field) error {
			if fl.Number != 1 {
				return nil
			}
			return fl.Items(func(b []byte) error {
				it, err := scan.DecodeItem(b)
				if err != nil {
					return err
				}
				n++
				return f(n-1, it)
			})
		})
	})
	if err == nil && n != l.tail.Count {
		for _, b := range l.copies.On {
			if failed := b.Failed(); failed != nil {
				return fmt.Errorf("%w: scan list %s is on disks that do not work any more: %w", disk.ErrTooFewDisks, l.copies.ID, failed)
			}
		}
		err = fmt.Errorf("%w: scan list %s ends after %d of %d items", manifest.ErrCorrupt, l.copies.ID, n, l.tail.Count)
	}
	return err
}

// finished tells whether every item of the list has been committed, or the list was
// given up.
func (d *Device) finished(l *scanList) bool {
	st := d.state.lists[l.copies.ID]
	return st != nil && st.abandoned || l.broken == nil && st.count() == l.tail.Count
}

// unfinished lists the loads that have begun and not ended, in order.
func (d *Device) unfinished() ([]*scanList, error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(lists, func(l *scanList) bool { return !d.left(l) }), nil
}

// left tells whether a list's load has begun and not ended.
func (d *Device) left(l *scanList) bool { return d.state.begun(l.copies.ID) && !d.finished(l) }
