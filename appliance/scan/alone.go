package scan

import (
	"context"

	"github.com/sledge-io/sledge/internal/extsort"
)

// Run walks a source and reports what a load would meet; it needs no key and
// keeps nothing.
func Run(ctx context.Context, root string, o Options) (*Report, error) {
	folder, done, err := extsort.Scratch()
	if err != nil {
		return nil, err
	}
	defer done()
	src, err := OpenTimed(ctx, root, o.As, nil, o.Timeout)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.Concurrency, src.Filter = o.Concurrency, o.Filter
	return List(ctx, src, o, folder, "sort", nothing{}, func(uint64, *Item) error { return nil })
}

// nothing is what a scan without a device compares with.
type nothing struct{}

func (nothing) LastGroup() uint64           { return 0 }
func (nothing) WhenGone(func(string) error) {}
func (nothing) Meet(*Item) (bool, error)    { return false, nil }
func (nothing) Rest() error                 { return nil }
func (nothing) Comparison() *Report         { return &Report{} }
