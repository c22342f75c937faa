package importer

import (
	"context"
	"crypto/rand"
	"io"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
)

// open reads or begins the journal: the folder's own, or that of a later run,
// which knows nothing of what the one before has found.
func (r *run) open(ctx context.Context) (err error) {
	if err := r.mustExist(ctx, ""); err != nil {
		return err
	}
	if r.journal, err = openJournal(r.opts.StateDir, ""); err != nil {
		return err
	}
	defer func() {
		if err != nil && r.journal != nil {
			r.journal.close()
		}
	}()
	if r.base, err = r.elsewhere(); err != nil {
		return err
	}
	if r.base != "" {
		err := r.journal.close()
		if r.journal = nil; err != nil {
			return err
		}
		if err := r.mustExist(ctx, r.base); err != nil {
			return err
		}
		if r.journal, err = openJournal(r.opts.StateDir, r.base); err != nil {
			return err
		}
	}
	if err := r.mustKnow(ctx); err != nil {
		return err
	}
	source := r.opts.Rand
	if source == nil {
		source = rand.Reader
	}
	h := header{Version: stateVersion, Options: r.recorded(), Secret: make([]byte, 32), Started: r.opts.Now().UTC(), Attempt: 1}
	if _, err := io.ReadFull(source, h.Secret); err != nil {
		return err
	}
	if h.Log, err = newLogDigits(source); err != nil {
		return err
	}
	if err := r.journal.fits(h); err != nil {
		return err
	}
	if err := r.awaitTurn(ctx); err != nil {
		return err
	}
	if err := r.mayBegin(ctx); err != nil {
		return err
	}
	left, err := r.journal.anew(h)
	if err != nil {
		return err
	}
	if left != "" {
		r.problem(target.NewError(target.CodeJournalLeft, left, "a start with other options ended before its first object, and may have left what marks its run", nil))
	}
	if r.opts.JournalInTarget {
		if err := r.claimMirror(ctx, h); err != nil {
			return err
		}
	}
	if r.header, err = r.journal.begin(h); err != nil {
		return err
	}
	r.planner.Rename(r.header.Renames)
	r.takeUpKept()
	if r.canceling {
		return nil
	}
	switch was, err := r.isCanceled(); {
	case err != nil:
		return err
	case was:
		return r.refuseCanceled("run "+r.opts.RunID, lease.This())
	}
	r.planner.Since(r.header.Started)
	return r.takeUp(ctx)
}

// mayBegin refuses to go on with a run that is committed, and has not ended here.
func (r *run) mayBegin(ctx context.Context) error {
	if r.opts.Committed == nil || r.canceling {
		return nil
	}
	committed, err := r.opts.Committed(ctx, r.commitStore())
	if err != nil || !committed {
		return err
	}
	if _, err := r.journal.load(finishedKey, &r.ended); err != nil {
		return err
	}
	if !r.ended.Done || r.ended.Tally.Bad() > 0 {
		return ErrCommitted
	}
	return nil
}

// takeUp reads how an earlier start has ended. A finished run with failures is
// taken up again: a new attempt, with a receipt log of its own, in which what
// failed is tried once more. So is a run that was taken over from a process that may
// still write receipts, but that what has ended stays: each has a log of its own. With
// a journal in the target the attempt is the lease, which no other host gets.
func (r *run) takeUp(ctx context.Context) error {
	ended, err := r.journal.load(finishedKey, &r.ended)
	if err != nil {
		return err
	}
	if err := r.countStart(); err != nil {
		return err
	}
	again := ended && r.ended.Done && r.ended.Tally.Bad() > 0
	copied := r.takenNow() && !r.ended.Done
	switch {
	case r.mirror != nil:
		if again && r.mirror.number.Load() == r.header.Lease {
			err = r.nextLease(ctx)
		}
		if err != nil || r.mirror.number.Load() == r.header.Lease {
			return err
		}
		r.header.Lease, r.header.Attempt = r.mirror.number.Load(), int(r.mirror.number.Load())
	case again || copied:
		r.header.Attempt++
	default:
		return nil
	}
	if err := r.journal.store(headerKey, r.header, true); err != nil || !again {
		return err
	}
	r.ended = finished{}
	return r.journal.store(finishedKey, r.ended, true)
}

// takenNow tells the first start in a copy of the state.
func (r *run) takenNow() bool {
	taken := r.opts.StateDir.Taken()
	if taken <= r.header.Taken {
		return false
	}
	r.header.Taken = taken
	return true
}

func (r *run) recorded() runOptions {
	o, scope, cp := r.opts, r.source.Scope(), r.source.Checkpoint()
	return runOptions{
		Job: scope.Job.String(), Device: scope.Device.String(), Generation: scope.Generation,
		ManifestSize: cp.Size, ManifestRoot: cp.Root[:],
		Bucket: o.Bucket, Prefix: o.Prefix, Endpoint: o.Endpoint, Profile: o.Profile, ProfileValues: r.planner.Profile().Fingerprint(),
		Symlinks: o.Symlinks, Directories: o.Directories, MinProof: o.MinProof, ReadBack: o.ReadBack,
		AllowUnconditional: o.AllowUnconditional, Deferred: o.DeferComplete > 0, JournalInTarget: o.JournalInTarget, RunID: o.RunID, Rules: o.Rules.Digest(), CustomerKey: o.CustomerKey.MD5(),
	}
}
