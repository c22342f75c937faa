package rebuild

import (
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
)

// again takes a disk that has the bay's header. It is another disk from now on: what was
// read back from it, and what a seal that has begun says of it, is of the disk as it was.
// The id is before the mark: a member that is cut off in between is whole.
func (r *rebuilder) again(h *disk.Header) error {
	if err := r.taken(); err != nil {
		return err
	}
	if err := r.doubt(h); err != nil {
		return err
	}
	if err := r.newHeader(); err != nil {
		return err
	}
	return disk.SetMark(r.o.Onto.FS)
}

// newHeader gives the disk an id that no disk had.
func (r *rebuilder) newHeader() error {
	id, err := r.o.Rand()
	if err != nil {
		return err
	}
	h := disk.Header{Scope: r.scope, Bay: r.report.Bay, Disk: id, Bays: r.bays}
	return durable.WriteFile(r.o.Onto.FS, disk.HeaderName, h.Encode())
}

// doubt has the ledger of a seal that has begun remember the id that the disk had: whoever
// has the disk could write the old header again.
func (r *rebuilder) doubt(h *disk.Header) error {
	if r.o.Ledger == nil || r.sealed != nil {
		return nil
	}
	origin := r.scope.Origin()
	if _, _, ok := r.o.Ledger.RecordedCheckpoint(origin); !ok {
		return nil
	}
	known := r.o.Ledger.RecordedWritten(origin)
	if slices.Contains(known, [16]byte(h.Disk)) {
		return nil
	}
	return r.o.Ledger.RecordWritten(origin, append(slices.Clone(known), h.Disk))
}
