package importer

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/importer/lease"
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

// record makes durable that the run is canceled. The mark in its folder is first: by that one
// alone starts and readers know, so that a cancel which ends before it has marked nothing. The
// others tell copies of the receipts, and other hosts. A run that another process has taken over
// meanwhile is not marked: that one may complete it.
func (c *canceler) record(ctx context.Context, by lease.Holder) error {
	r := c.run
	if err := errors.Join(r.ours(), r.mustHold(ctx)); err != nil {
		return err
	}
	if err := c.markRun(by); err != nil {
		return err
	}
	if err := r.markReceipts(by); err != nil {
		return err
	}
	if err := r.markLease(ctx); err != nil {
		return err
	}
	c.out.HereOnly = false
	r.header.Canceled = true
	return r.journal.store(headerKey, r.header, true)
}

// markRun writes the mark in the run's folder, and has the call tell what is known of it then.
func (c *canceler) markRun(by lease.Holder) error {
	r := c.run
	err := r.markFolders(by, r.base)
	c.out.Recorded = err == nil || r.header.Canceled
	c.out.Unsure = !c.out.Recorded && r.givenUp() != nil
	c.out.HereOnly = c.out.Recorded && r.mirror != nil && !r.mirror.canceled
	return err
}
