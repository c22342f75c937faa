package importer

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
)

// recorded makes sure of what a cancel before this one has recorded: one that failed may have
// left a mark that the power can take.
func (c *canceler) recorded() error {
	was, err := c.run.isCanceled()
	if err != nil || !was {
		return err
	}
	return c.markRun(lease.This())
}

// record makes durable that the run is canceled. With a journal in the target the lease there
// decides: one request both takes it and says so, and another host that was first has the run, so
// that nothing is marked. Then the mark in the run's folder is first: by that one starts and
// readers know. The others tell copies of the receipts.
func (c *canceler) record(ctx context.Context, by lease.Holder) error {
	r := c.run
	if err := errors.Join(r.ours(), r.mustHold(ctx)); err != nil {
		return err
	}
	if err := r.markLease(ctx); err != nil {
		c.out.ThereOnly = !c.out.Recorded && (r.mirror.canceled || target.IsUnknown(err))
		return err
	}
	if err := c.markRun(by); err != nil {
		return err
	}
	if err := r.markReceipts(by); err != nil {
		return err
	}
	r.header.Canceled = true
	return r.journal.store(headerKey, r.header, true)
}

// markRun writes the mark in the run's folder, and has the call tell what is known of it then.
func (c *canceler) markRun(by lease.Holder) error {
	r := c.run
	err := r.markFolders(by, r.base)
	c.out.Recorded = err == nil || r.header.Canceled
	c.out.Unsure = !c.out.Recorded && r.givenUp() != nil
	inTarget := r.mirror != nil && r.mirror.canceled
	c.out.HereOnly = c.out.Recorded && r.mirror != nil && !inTarget
	c.out.ThereOnly = inTarget && !c.out.Recorded && !c.out.Unsure
	return err
}
