package appliance

import (
	"context"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// again reads a file a second time, whose stat differs at every look, and compares:
// size and digests are all that can tell whether it stood still. The record says
// how it was taken.
func (r *reading) again(ctx context.Context, p *ingest.Pending) error {
	size := r.file.Info.Size
	if info, err := r.file.Stat(); err != nil {
		return err
	} else if info.Size != size {
		return scan.ErrChanged
	}
	second, err := r.w.digestOf(ctx, r.file)
	if sizeError(err) || err == nil && !digestsAgree(second, &p.Record) {
		return scan.ErrChanged
	}
	if err != nil {
		return err
	}
	remarkUnstable(&p.Record)
	return nil
}

// remarkUnstable says on the record that content alone has told that the file stood
// still.
func remarkUnstable(r *manifest.Record) {
	r.Remark, r.RemarkDetail = "unstable-times", "its times changed while it was read; two readings gave the same content"
}
