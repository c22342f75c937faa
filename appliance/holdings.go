package appliance

import (
	"context"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// Holding is an entry of the manifest to be, or one that a load has left to do.
type Holding struct {
	Path   string
	Kind   manifest.Kind
	Size   int64
	State  HoldingState
	Reason string // of what failed
	Detail string
}

// HoldingState is what a device has of an entry.
type HoldingState string

// The states.
const (
	HoldingSafe      HoldingState = "safe"
	HoldingRemarked  HoldingState = "remark"     // safe; a later look failed, or did not get all
	HoldingSkipped   HoldingState = "skipped"    // could not be read, and is not on the device
	HoldingLost      HoldingState = "lost"       // was loaded, and did not read back from the disks
	HoldingNotLoaded HoldingState = "not loaded" // an unfinished load has it still to do
)

// Holdings calls f for everything that the device holds, in the manifest's order, and
// then for what unfinished loads have left to do. It reads journal and scan lists.
func (d *Device) Holdings(ctx context.Context, f func(Holding) error) error {
	lists, err := d.findLists()
	if err != nil {
		return err
	}
	looks, done, err := d.looks(ctx, lists, func(b []byte, _ manifest.ID, r *manifest.Record, lost bool) []byte {
		return known.Value(b, scan.RelSame, "", r, lost, false)
	})
	if err != nil {
		return err
	}
	defer done()
	err = catalog.Resolve(looks, catalog.Visit{Entry: func(e *catalog.Entry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return f(holdingOf(e))
	}})
	for _, l := range lists {
		if err == nil && d.left(l) {
			err = d.leftToDo(ctx, l, f)
		}
	}
	return err
}

func holdingOf(e *catalog.Entry) Holding {
	k := known.Decode(e)
	h := Holding{Path: strings.TrimSuffix(e.Key, "/"), Kind: k.Kind, Size: k.Size, State: HoldingSafe, Reason: k.Remark, Detail: e.Detail}
	switch {
	case !e.Good:
		h.State, h.Reason = HoldingSkipped, e.Reason
	case k.Flags&scan.ItemLost != 0:
		h.State = HoldingLost
	case k.Remark != "":
		h.State = HoldingRemarked
	case k.Own:
		h.State, h.Reason = HoldingRemarked, k.Reason
	}
	return h
}

// leftToDo lists what has not been committed of a list.
func (d *Device) leftToDo(ctx context.Context, l *scanList, f func(Holding) error) error {
	st := d.state.lists[l.copies.ID]
	if l.broken != nil {
		return f(Holding{State: HoldingNotLoaded, Reason: "unknown", Detail: "the scan list is damaged: what else it had is not known"})
	}
	return d.items(l, func(n uint64, it *scan.Item) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if st != nil && st.done.Has(n) || it.Reason == catalog.Gone {
			return nil
		}
		return f(Holding{Path: it.Path, Kind: it.Kind, Size: it.Size, State: HoldingNotLoaded, Reason: it.Reason, Detail: it.Detail})
	})
}
