package appliance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// takeUp finds the unfinished list of the source, and lists of it that are damaged.
// Lists from which nothing was committed are removed: the source is scanned anew. An
// unfinished load of another source is ErrUnfinished.
func (d *Device) takeUp(src *scan.Source, o *LoadOptions) (own *scanList, damaged []*scanList, err error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, nil, err
	}
	var useless []string
	for _, l := range lists {
		begun := d.state.begun(l.copies.ID)
		rel := l.head.RelationTo(src.Head(), o.Moved...)
		switch {
		case d.finished(l):
		case !begun:
			useless = append(useless, l.copies.Name)
		case rel == scan.RelOther && o.beside(&l.head):
		case rel == scan.RelOther || rel == scan.RelMedium && !slices.Contains(o.Moved, l.head.Path()):
			return nil, nil, d.errUnfinished(l)
		case l.broken != nil:
			damaged = append(damaged, l)
		case rel == scan.RelSame && len(o.Moved) == 0:
			own = l
		default:
			if err := d.holds(src, l); err != nil {
				return nil, nil, err
			}
			own = l
		}
	}
	if own != nil {
		if err := sameFilters(src, own); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range useless {
		d.removeList(name)
	}
	return own, damaged, nil
}

// holdsSample is how many of a list's files are looked for in the source that is to
// continue it.
const holdsSample = 64

// holds refuses a source that has not even half of what was loaded from a list:
// another medium at the path, nothing mounted there, or a wrong --source-moved.
func (d *Device) holds(src *scan.Source, l *scanList) error {
	st := d.state.lists[l.copies.ID]
	var looked, found int
	err := d.items(l, func(n uint64, it *scan.Item) error {
		done := st != nil && st.done.Has(n) || d.state.inProgress(l.copies.ID, n)
		if it.Kind != manifest.KindFile || !done {
			return nil
		}
		if now := src.Stat(it.Path); now.Kind == it.Kind && now.Size == it.Size && now.Mtime == it.Mtime {
			found++
		}
		if looked++; looked == holdsSample {
			return errStopped
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStopped) {
		return err
	}
	if looked > 0 && 2*found < looked {
		return fmt.Errorf("%w; %s has %d of %d files that were loaded from there", d.errUnfinished(l), src.Root, found, looked)
	}
	return nil
}

func (d *Device) errUnfinished(l *scanList) *UnfinishedError {
	done := d.state.lists[l.copies.ID].count()
	return &UnfinishedError{Root: l.head.Path(), As: strings.TrimSuffix(l.head.Prefix(), "/"), Done: done, Count: max(done, l.tail.Count)}
}

// UnfinishedError names the load that has not finished. It is ErrUnfinished.
type UnfinishedError struct {
	Root, As    string
	Done, Count uint64 // entries
}

func (e *UnfinishedError) Error() string {
	if e.Root == "" {
		return fmt.Sprintf("%v: that of a source whose list is damaged on every disk, with %d entries done", ErrUnfinished, e.Done)
	}
	return fmt.Sprintf("%v: that of %s, with %d of %d entries done", ErrUnfinished, e.Source(), e.Done, e.Count)
}

// Source is the folder of the load, and the name that it is loaded under.
func (e *UnfinishedError) Source() string {
	if e.As == "" {
		return e.Root
	}
	return fmt.Sprintf("%s, loaded as %s", e.Root, e.As)
}

// Is makes it ErrUnfinished.
func (e *UnfinishedError) Is(target error) bool { return target == ErrUnfinished }

// Unfinished lists the loads that have begun and not ended.
func (d *Device) Unfinished() ([]UnfinishedError, error) {
	lists, err := d.unfinished()
	if err != nil {
		return nil, err
	}
	var out []UnfinishedError
	for _, l := range lists {
		out = append(out, *d.errUnfinished(l))
	}
	return out, nil
}

// Abandon gives up the rest of an unfinished load. What is committed of it stays. The
// log says that a load was given up. A load whose list tells no source any more is
// given up whatever root says, if no other is meant.
func (d *Device) Abandon(root, as string) (*UnfinishedError, error) {
	lists, err := d.unfinished()
	if err != nil {
		return nil, err
	}
	var meant *scanList
	for _, l := range lists {
		switch {
		case l.head.Path() == root && strings.TrimSuffix(l.head.Prefix(), "/") == strings.Trim(as, "/"):
			meant = l
		case meant == nil && l.broken != nil && l.head.Path() == "":
			meant = l
		}
	}
	if meant == nil {
		return nil, fmt.Errorf("no unfinished load of %s: %w", root, read.ErrNotFound)
	}
	u := d.errUnfinished(meant)
	return u, d.giveUp(meant, fmt.Sprintf("a load was given up: %d of %d entries are on the device", u.Done, u.Count))
}

// giveUp journals that the rest of a list is not loaded, and why.
func (d *Device) giveUp(l *scanList, why string) error {
	events, err := journal.EncodeEvents(d.cfg.Now(), manifest.Event{What: "note", Text: why, Bay: -1})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := &journal.Message{Events: events, Abandoned: []manifest.ID{l.copies.ID}}
	if err := d.appendFrame(nil, m); err != nil {
		return err
	}
	return errors.Join(d.state.add(m), d.endJournal())
}
