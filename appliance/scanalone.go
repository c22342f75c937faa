package appliance

import (
	"context"
)

// Scan walks a source and reports what a load would meet; it needs no key and
// keeps nothing.
func Scan(ctx context.Context, root string, o ScanOptions) (*ScanReport, error) {
	disk, done, err := scratch()
	if err != nil {
		return nil, err
	}
	defer done()
	src, err := newSource(root, o.As, nil)
	if err != nil {
		return nil, err
	}
	defer src.close()
	return scanSource(ctx, src, o, disk, "sort", &knownSet{report: &ScanReport{}}, func(uint64, *item) error { return nil })
}
