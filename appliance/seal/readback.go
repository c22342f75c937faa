package seal

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// readBefore is what is read before the index: nothing goes into the manifest that no disk was
// asked for.
func (d *sealing) readBefore(ctx context.Context, o *Options) error {
	if o.Unverified {
		return nil
	}
	if err := d.open.ReadRest(ctx, o.Degraded, o.ReadBack); err != nil {
		return err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return err
	}
	if o.Degraded {
		d.open.Pardon()
	}
	packs := d.open.Committed().Packs
	unread := packs - d.open.PacksRead()
	lost := uint64(len(d.open.LostPacks())) // what becomes of them the index tells
	if unread > lost {
		return fmt.Errorf("%w: %d of %d", disk.ErrUnread, unread-lost, packs)
	}
	return nil
}

// readAfter reads the index packs, and of each disk the sample that shows that they were not
// written over something else.
func (d *sealing) readAfter(ctx context.Context, packs []*manifest.Pack, o *Options) error {
	if o.Unverified {
		return nil
	}
	if err := d.open.ReadIndex(ctx, packs); err != nil {
		return err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return err
	}
	if again := d.open.Unsettled(); len(again) > 0 {
		return fmt.Errorf("%w: no sample of %s was read after the last write", disk.ErrUnread, disk.BayList(again))
	}
	return nil
}

// readBackWord is what the statement says, and how many packs were not read back.
func (d *sealing) readBackWord(o *Options) (word string, unread uint64) {
	if !o.Unverified {
		return manifest.ReadBackAll, 0
	}
	read := d.open.PacksRead()
	word = manifest.ReadBackPartly
	if read == 0 {
		word = manifest.ReadBackNone
	}
	return word, d.open.Committed().Packs - read
}
