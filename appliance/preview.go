package appliance

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// Preview is what a load would do.
type Preview struct {
	Scan    scan.Report
	Resumes bool // it would go on with a load that has not ended
	Plan    Plan
}

// Preview scans a source, compares it with the device, and says what Load would load. It
// changes nothing, so the device may be one that [Look] has opened. What Load would refuse
// before it begins is an error here, too, but for findings.
func (d *Device) Preview(ctx context.Context, root string, o LoadOptions) (*Preview, error) {
	if err := CheckExpiry(d.cfg); err != nil {
		return nil, err
	}
	src, err := scan.OpenTimed(ctx, root, o.As, o.Tree, o.SourceTimeout)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.Concurrency, src.Filter = o.SourceConcurrency, o.Filter
	lists, err := d.findLists()
	if err != nil {
		return nil, err
	}
	own, err := d.ownUnfinished(src, lists, &o)
	if err != nil {
		return nil, err
	}
	p := &Preview{Resumes: own != nil}
	so := o.scanOptions()
	so.Empty = so.Empty || p.Resumes
	if o.Withdraw.On {
		src.Hold, so.Removed, so.MayRemove = true, func(string) error { return nil }, func(r *scan.Report) error { return o.Withdraw.allows(r, false) }
	}
	report, entries, bytes, err := d.compare(ctx, src, so)
	if err != nil {
		return nil, fmt.Errorf("nothing is loaded: %w", err)
	}
	if err := mayBeLoaded(src, report, &so); err != nil {
		return nil, err
	}
	p.Scan, p.Plan = *report, d.Plan(entries, bytes)
	return p, nil
}

// compare scans a source, compares it with the device, and counts what a load would bring. It
// changes nothing.
func (d *Device) compare(ctx context.Context, src *scan.Source, so scan.Options) (report *scan.Report, entries uint64, bytes int64, err error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, 0, 0, err
	}
	if err := d.sameMedium(src, lists, so); err != nil {
		return nil, 0, 0, err
	}
	known, err := d.knownEntries(ctx, src, lists, &so)
	if err != nil {
		return nil, 0, 0, err
	}
	defer known.Close()
	known.WhenRemoved(so.Removed)
	folder, done, err := extsort.Scratch()
	if err != nil {
		return nil, 0, 0, err
	}
	defer done()
	report, err = scan.List(ctx, src, so, folder, "sort", known, func(_ uint64, it *scan.Item) error {
		if entries++; it.Kind == manifest.KindFile && it.Flags&scan.ItemReuse == 0 {
			bytes += it.Size
		}
		return nil
	})
	return report, entries, bytes, err
}

// ownUnfinished is the source's unfinished list, or nil. An unfinished load of another source
// is [ErrUnfinished].
func (d *Device) ownUnfinished(src *scan.Source, lists []*scanList, o *LoadOptions) (own *scanList, err error) {
	for _, l := range lists {
		rel := l.head.RelationTo(src.Head(), o.Moved...)
		switch {
		case !d.left(l), rel == scan.RelOther && o.beside(&l.head):
		case rel == scan.RelOther:
			return nil, d.errUnfinished(l)
		case l.broken == nil:
			own = l
		}
	}
	if own == nil {
		return nil, nil
	}
	return own, sameFilters(src, own)
}

// scanOptions are what a load asks of its scan.
func (o *LoadOptions) scanOptions() scan.Options {
	return scan.Options{As: o.As, Rules: o.Rules, Force: o.Force, Replace: o.Replace, Moved: o.Moved, Empty: o.AllowEmpty, Progress: o.ScanProgress, Found: o.Found}
}
