package appliance

import (
	"github.com/sledge-io/sledge/manifest"
)

// sourceBytes is the size of a regular file of the source, each name once.
func sourceBytes(r *manifest.Record) int64 {
	if hasContent(r.Kind) {
		return r.Size
	}
	return 0
}

// scanTotals are what the scans found: all that the manifest holds, skipped entries
// included, and what unfinished loads have left out; what was given up is counted apart.
func (d *Device) scanTotals(w *indexWriter) error {
	t := &w.totals
	t.ScanEntries, t.ScanBytes = t.Entries(), uint64(w.sourceBytes)
	lists, err := d.unfinished()
	if err != nil {
		return err
	}
	given, err := d.givenUp()
	if err != nil {
		return err
	}
	for _, l := range given {
		w.givenUp += d.rest(l)
	}
	for _, l := range lists {
		st := d.state.lists[l.copies.ID]
		t.ScanEntries += d.rest(l)
		if st != nil {
			t.ScanBytes += uint64(max(0, l.tail.Bytes-st.bytes))
		} else {
			t.ScanBytes += uint64(l.tail.Bytes)
		}
	}
	return nil
}
