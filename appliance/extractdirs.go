package appliance

import (
	"context"
	"strings"

	"github.com/sledge-io/sledge/manifest"
)

// maxDirs bounds the folders that an extraction keeps in memory. Of more it reads the
// manifest once more.
const maxDirs = 100000

// madeDirs are the folders whose attributes are set at the end: what is written into a
// folder moves its time, and a mode without w would refuse it.
type madeDirs struct {
	limit int
	list  []*manifest.Record
	more  bool // list is not all
}

func (d *madeDirs) add(rec *manifest.Record) {
	if len(d.list) < d.limit && !d.more {
		d.list = append(d.list, rec)
		return
	}
	d.list, d.more = nil, true
}

// restore sets a folder's attributes before those of the folder above, whose mode may
// refuse the way down.
func (d *madeDirs) restore(ctx context.Context, x *extractor) error {
	for i := len(d.list) - 1; i >= 0; i-- {
		x.meta(d.list[i])
	}
	if !d.more {
		return nil
	}
	var open []*manifest.Record // each below the one before
	leave := func(key string) {
		for n := len(open); n > 0 && !strings.HasPrefix(key, open[n-1].OrderKey()); n-- {
			x.meta(open[n-1])
			open = open[:n-1]
		}
	}
	var above lineage
	lost := func(uint64, error) error { return nil } // named before
	err := x.records.list(ctx, x.o.Prefix, lost, func(rec *manifest.Record) error {
		if parent := above.next(rec); rec.Kind == manifest.KindDir && parent == nil {
			leave(rec.OrderKey())
			open = append(open, rec)
		}
		return nil
	})
	if err == nil {
		leave("")
	}
	return err
}
