package appliance

import (
	"github.com/sledge-io/sledge/appliance/scan"
)

// givenUp lists the loads whose rest was given up, and that no later load of the same
// source, run to its end, has made good.
func (d *Device) givenUp() ([]*scanList, error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, err
	}
	var out []*scanList
	for _, l := range lists {
		st := d.state.lists[l.copies.ID]
		if st != nil && st.abandoned && d.rest(l) > 0 && !d.madeGood(l, lists) {
			out = append(out, l)
		}
	}
	return out, nil
}

// rest is how many entries of a list are not on the device. Of a damaged list at least
// one is not known.
func (d *Device) rest(l *scanList) uint64 {
	done := d.state.lists[l.copies.ID].count()
	if l.broken != nil {
		return max(l.tail.Count, done+1) - done
	}
	return l.tail.Count - done
}

// madeGood tells whether a later list of the same source was loaded whole. Of a list
// whose head cannot be read the source is not known: nothing makes it good.
func (d *Device) madeGood(l *scanList, lists []*scanList) bool {
	if l.head.Path() == "" {
		return false
	}
	for _, later := range lists {
		rel := l.head.RelationTo(&later.head)
		if later.copies.Ordinal <= l.copies.Ordinal || rel != scan.RelSame && rel != scan.RelUnknown || later.broken != nil {
			continue
		}
		if d.rest(later) == 0 {
			return true
		}
	}
	return false
}
