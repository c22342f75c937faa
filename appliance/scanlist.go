package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// A scan list is saved before loading begins, encrypted, on m+1 disks: a load
// that is resumed goes on in the same list, so a source is walked once.
//
//	frame 0: head (root, prefix)   frames: items   last frame: tail (totals)

type listHead struct {
	Root string `json:"root"`
	As   string `json:"as"`
}

type listTail struct {
	Count  uint64     `json:"count"` // items in the list
	Report ScanReport `json:"report"`
}

var listSchema = fields.Schema{1: true, 2: true, 3: true}

const itemsPerFrame = 2048

// scanList is a saved list.
type scanList struct {
	copies *frameCopies
	head   listHead
	tail   listTail
	broken error // why not all of it can be read; its head may be empty, its tail is
}

// makeList scans a source and saves the list. It is complete, and counts, only
// with its tail.
func (d *Device) makeList(ctx context.Context, src *source, o ScanOptions) (*scanList, error) {
	disk, err := d.scratchDisk()
	if err != nil {
		return nil, err
	}
	known, err := d.knownEntries(src)
	if err != nil {
		return nil, err
	}
	defer known.close()
	f, err := d.newFrameFile(scanKind, d.ordinal)
	if err != nil {
		return nil, err
	}
	defer f.close()
	d.ordinal++
	head := listHead{Root: src.root, As: src.prefix}
	if err := appendList(f, 2, head); err != nil {
		return nil, err
	}
	var items [][]byte
	var count uint64
	flush := func() error {
		if len(items) == 0 {
			return nil
		}
		w := fields.NewWriter(nil)
		w.List(1, true, items)
		items = items[:0]
		return f.append(nil, w.Bytes(), false)
	}
	report, err := scanSource(ctx, src, o, disk.disk.FS, tmpDir, known, func(n uint64, it *item) error {
		items = append(items, it.encode())
		count = n + 1
		if len(items) == itemsPerFrame {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	tail := listTail{Count: count}
	if err == nil {
		tail.Report = *report
		if len(tail.Report.Findings) > 1000 {
			tail.Report.Findings = tail.Report.Findings[:1000]
		}
		err = appendList(f, 3, tail)
	}
	if err == nil {
		err = f.sync()
	}
	if err != nil {
		d.removeList(f.name)
		return nil, err
	}
	c := &frameCopies{kind: scanKind, id: f.id, ordinal: f.ordinal, name: f.name}
	for b := range f.replicas {
		c.on = append(c.on, b)
	}
	return &scanList{copies: c, head: head, tail: tail}, nil
}

func appendList(f *frameFile, number int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w := fields.NewWriter(nil)
	w.Blob(number, true, b)
	return f.append(nil, w.Bytes(), false)
}

func (d *Device) removeList(name string) {
	d.bays.each(func(b *bay) error {
		if _, err := b.disk.FS.Stat(name); err != nil {
			return nil
		}
		return durable.Remove(b.disk.FS, name)
	})
}

// scratchDisk is the healthy disk with the most room.
func (d *Device) scratchDisk() (*bay, error) {
	var best *bay
	var most int64 = -1
	for _, b := range d.bays.healthy() {
		if free, _, err := b.disk.FS.Free(); err == nil && free > most {
			best, most = b, free
		}
	}
	if best == nil {
		return nil, ErrTooFewDisks
	}
	return best, nil
}

// eachRecord calls f for every committed record of the journal, in order.
func (d *Device) eachRecord(f func([]byte) error) error {
	return d.eachListed(func(_ manifest.ID, b []byte) error { return f(b) })
}

// eachListed says, too, which scan list a record came from.
func (d *Device) eachListed(f func(list manifest.ID, record []byte) error) error {
	files, err := d.findFrameFiles(journalKind)
	if err != nil {
		return err
	}
	for _, c := range files {
		_, err := d.readFrames(c, false, func(fr frame) error {
			m, err := decodeFrameMessage(fr.plain)
			if err != nil {
				return err
			}
			for _, r := range m.records {
				if err := f(m.list, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findLists reads head and tail of the saved lists, in order. A list that cannot be
// read to its tail was never finished, or is damaged. It is removed if nothing has
// been committed from it. Else it is returned with the cause in broken: what has
// been committed stays on the device, the rest has to be scanned again, and the
// list counts as unfinished.
func (d *Device) findLists() ([]*scanList, error) {
	files, err := d.findFrameFiles(scanKind)
	if err != nil {
		return nil, err
	}
	var lists []*scanList
	var useless []string
	for _, c := range files {
		l := &scanList{copies: c}
		if !c.headless {
			d.ordinal = max(d.ordinal, c.ordinal+1)
		}
		if err := d.readEnds(l); err != nil {
			return nil, fmt.Errorf("scan list %s: %w", c.id, err)
		}
		// A list is written without syncing each frame: a crash may leave later
		// ones without earlier ones. Nothing has been loaded from such a list.
		if l.broken != nil && !d.begun(c.id) {
			useless = append(useless, c.name)
			continue
		}
		lists = append(lists, l)
	}
	if len(useless) == 0 {
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

// readEnds reads a list's head and tail, or says in broken why that cannot be.
func (d *Device) readEnds(l *scanList) error {
	if l.copies.headless {
		l.broken = l.copies.errHeadless(d.bays.missing())
		return nil
	}
	whole := false
	_, err := d.readFrames(l.copies, false, func(fr frame) error {
		return fields.Decode(fr.plain, listSchema, func(f fields.Field) error {
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
	case errors.Is(err, ErrLost):
		l.broken, l.tail = fmt.Errorf("scan list %s: %w", l.copies.id, err), listTail{}
	case err == nil && !whole:
		l.broken = fmt.Errorf("%w: scan list %s has no end", ErrLost, l.copies.id)
	default:
		return err
	}
	return nil
}

// begun reports whether something of a list has been committed.
func (d *Device) begun(id manifest.ID) bool {
	for key := range d.state.partial {
		if key.list == id {
			return true
		}
	}
	return d.state.done[id].count() > 0
}

// items calls f for every item of the list with its position.
func (d *Device) items(l *scanList, f func(uint64, *item) error) error {
	var n uint64
	_, err := d.readFrames(l.copies, false, func(fr frame) error {
		return fields.Decode(fr.plain, listSchema, func(fl fields.Field) error {
			if fl.Number != 1 {
				return nil
			}
			return fl.Items(func(b []byte) error {
				it, err := decodeItem(b)
				if err != nil {
					return err
				}
				n++
				return f(n-1, it)
			})
		})
	})
	if err == nil && n != l.tail.Count {
		err = fmt.Errorf("%w: scan list %s ends after %d of %d items", manifest.ErrCorrupt, l.copies.id, n, l.tail.Count)
	}
	return err
}

// finished tells whether every item of the list has been committed.
func (d *Device) finished(l *scanList) bool {
	return l.broken == nil && d.state.done[l.copies.id].count() == l.tail.Count
}
