package appliance

import (
	"context"

	"github.com/sledge-io/sledge/internal/extsort"
)

// Scan walks a source and reports what a load would meet; it needs no key and
// keeps nothing.
func Scan(ctx context.Context, root string, o ScanOptions) (*ScanReport, error) {
	folder, done, err := extsort.Scratch()
	if err != nil {
		return nil, err
	}
	defer done()
	src, err := newSource(root, o.As, nil)
	if err != nil {
		return nil, err
	}
	defer src.close()
	return scanSource(ctx, src, o, folder, "sort", nothing{}, func(uint64, *item) error { return nil })
}

// nothing is what a scan without a device compares with.
type nothing struct{}

func (nothing) lastGroup() uint64           { return 0 }
func (nothing) whenGone(func(string) error) {}
func (nothing) meet(*item) (bool, error)    { return false, nil }
func (nothing) rest() error                 { return nil }
func (nothing) comparison() *ScanReport     { return &ScanReport{} }
