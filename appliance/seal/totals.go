package seal

import (
	"github.com/sledge-io/sledge/manifest"
)

// sourceBytes is the size of a regular file of the source, each name once.
func sourceBytes(r *manifest.Record) int64 {
	if r.Kind == manifest.KindFile || r.Kind == manifest.KindHardlink {
		return r.Size
	}
	return 0
}

// scanTotals are what the scans found: all that the manifest holds, skipped entries
// included, and what unfinished loads have left out; what was given up is counted apart.
func (d *sealing) scanTotals(w *indexWriter) error {
	t := &w.totals
	t.ScanEntries, t.ScanBytes = t.Entries(), uint64(w.sourceBytes)
	left, err := d.open.LeftOut()
	w.givenUp += left.GivenUp
	t.ScanEntries += left.Entries
	t.ScanBytes += uint64(left.Bytes)
	return err
}
