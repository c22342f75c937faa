package importer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// A run looks every mirrorEvery whether another host has taken it over, and begins
// nothing that shows in the target when the last look is older than mirrorTrust: it may
// have been frozen since. Who takes it over waits for mirrorWait, which is longer, so
// that what the other host still begins was seen to be its own.
//
// This is for order, not for safety: clocks may stop with a host, and a request may be
// on its way for long. What comes late is on condition that the key does not exist, and
// has the manifest's checksums.
const (
	mirrorEvery = 2 * time.Second
	mirrorIdle  = time.Minute // while the run waits: it begins nothing, and looks before it does
	maxWait     = 15 * time.Second
)

var (
	mirrorTrust = 5 * time.Second
	mirrorWait  = 6 * time.Second
)

func (m *mirror) leaseOf(ctx context.Context, n uint64) (l lease.Lease, err error) {
	err = m.getWritten(ctx, lease.Name(n), maxMirrorSmall, &l)
	return l, err
}

// claim takes a lease. One that another host has is CodeKeyExists. A target that
// would give one lease to two hosts is refused: the same request is made again, and
// must fail.
func (m *mirror) claim(ctx context.Context, n uint64, canceled bool) error {
	mine := m.leaseNow(canceled)
	for again := range 2 {
		err := m.slots().Create(ctx, n, mine)
		switch {
		case err == nil && again > 0:
			m.remove(ctx, lease.Name(n)) // at best: no run begins here with it
			return target.NewError(target.CodeNoConditions, "", "a journal in the target needs conditional writes: two hosts could take one lease", nil)
		case err != nil && !target.HasCode(err, target.CodeKeyExists):
			return err
		case err != nil:
			// The answer to an earlier attempt may have been lost.
			was, getErr := m.leaseOf(ctx, n)
			switch {
			case target.IsNotFound(getErr): // a cancel of another host has removed it
				return err
			case getErr != nil:
				return getErr
			case !m.wrote(was):
				return err
			}
		}
	}
	m.number.Store(n)
	m.canceled = canceled
	return nil
}

// check asks the target whether the run is still ours: no next lease, and our own.
// What it finds lost stays lost. Any other error tells that it is not known.
func (m *mirror) check(ctx context.Context) error { return m.look(ctx, m.calls.Idempotent) }

// look is one look. Only an answer that shows another holder, or that our own lease is
// gone, tells that the run is lost: one that cannot be read may be of anything on the way.
func (m *mirror) look(ctx context.Context, ask asking) error {
	if err := m.held(); err != nil {
		return err
	}
	began := time.Now()
	err := lease.Look(ctx, mirrorSlots{m, ask}, m.number.Load(), m.wrote)
	var lost *lease.Lost
	switch {
	case err == nil:
		m.seen.Store(&began)
		return nil
	case !errors.As(err, &lost):
		return err
	case lost.Gone:
		return m.lose("the run's lease is not in the target any more: another host has canceled the run, or its journal there was removed")
	}
	return m.lose("in the target " + lost.Error())
}

// lose notes that the run is not ours any more.
func (m *mirror) lose(cause string) error {
	m.lost.Store(target.NewError(target.CodeTakenOver, "", cause, nil))
	return m.held()
}

// fresh checks unless that was done a moment ago, by either clock: one of them may have
// stopped with the process.
func (m *mirror) fresh(ctx context.Context) error {
	if seen := m.seen.Load(); seen != nil {
		now := time.Now()
		if max(now.Sub(*seen), now.Round(0).Sub(seen.Round(0))) < m.trust {
			return m.held()
		}
	}
	return m.check(ctx)
}

// held is what the last check has found.
func (m *mirror) held() error {
	if e := m.lost.Load(); e != nil {
		return e
	}
	return nil
}

// copyNumber is that of the copy of a state folder in which the run is.
func (r *run) copyNumber() uint64 {
	return r.opts.StateDir.Taken()
}

// claimMirror makes the run ours in the target, and brings what another host has left
// there into the journal. fresh is the header of a run that begins.
func (r *run) claimMirror(ctx context.Context, fresh header) (err error) {
	var ended finished
	if _, err := r.journal.load(finishedKey, &ended); err != nil {
		return err
	}
	var was header
	if _, err := r.journal.load(headerKey, &was); err != nil {
		return err
	}
	m, err := newMirror(r)
	if err != nil {
		return err
	}
	who, err := r.identity()
	if err != nil {
		return err
	}
	m.id, m.nonce = who.ID, who.last()
	complete := ended.Done && ended.Tally.Bad() == 0 && !r.canceling
	if complete {
		m.number.Store(was.Lease) // all that is left to do is to clear, and to commit
	}
	if complete && ended.Cleared {
		r.former = m
		return nil // the target is not asked any more
	}
	r.mirror = m
	r.calls.Ask(ctx, r.target)
	if complete {
		return nil
	}
	if err := r.sharedOptions(ctx, fresh.Options); err != nil {
		return err // before it is taken from anyone
	}
	r.calls.LookBy(r.mirror.fresh)
	news, err := r.lead(ctx, who, was.Lease)
	switch {
	case err != nil:
		return err
	case news:
		return r.fromMirror(ctx, was, fresh)
	case was.Lease == 0:
		return nil
	}
	return r.loadUploads(ctx, was.Lease) // a copy of this folder may have been at work
}

// sharedOptions compares the options with those of the run's first host.
func (r *run) sharedOptions(ctx context.Context, o runOptions) error {
	var first header
	err := r.mirror.get(ctx, mirrorHeader, maxMirrorSmall, &first)
	if target.IsNotFound(err) {
		return nil // no host has begun
	}
	if err != nil {
		return err
	}
	if diff := first.Options.differs(o); diff != "" {
		return target.NewError(target.CodeStateMismatch, "", "options differ from those of the run's first host: "+diff, nil)
	}
	return nil
}

// lead takes the next lease, unless the last one is this folder's. known is the one
// up to which the journal knows the run; news tells that there may be more in the
// target.
func (r *run) lead(ctx context.Context, who identity, known uint64) (news bool, err error) {
	m := r.mirror
	if err := r.newNonce(&who); err != nil {
		return false, err
	}
	wait, before := r.calls.NewWait(), uint64(0)
	older := func(began int, since time.Time) bool { // than what this folder wrote last
		again, err := wait.AgainSince(ctx, began, since)
		return again && err == nil
	}
	unseen := "" // the lease that the target lists, and that GET did not find
	for range lease.Tries {
		began := wait.Now()
		highest, err := m.slots().Highest(ctx)
		if err != nil {
			return false, err
		}
		if highest > 0 && highest == before { // a list that lags behind what this loop has met
			if _, err := wait.Again(ctx, began); err != nil {
				return false, err
			}
		}
		before = highest
		var last lease.Lease
		if highest > 0 {
			if last, err = m.leaseOf(ctx, highest); target.IsNotFound(err) {
				unseen = lease.Name(highest)
				continue // a cancel of another host has removed it meanwhile
			} else if err != nil {
				return false, err
			}
			unseen = ""
		}
		r.unmarked = highest < known
		if r.canceling && r.unmarked {
			if err := r.mustShow(ctx, false); err != nil {
				return false, err
			}
		}
		ours := who.has(last)
		news = highest > 0 && (!ours || highest != known)
		switch {
		case last.Canceled && !r.canceling:
			return false, r.refuseCanceled("run "+r.opts.RunID+", by "+last.String(), last.Holder)
		case ours && (last.Canceled || !r.canceling):
			return news, r.renewLease(ctx, who, last, highest)
		case highest > 0 && !ours && (last.ID == m.id || highest < known) && older(began, who.At):
			before = 0
			continue // it may be as it was before our last start
		case ctx.Err() != nil:
			return false, request.ErrStopped
		case highest > 0 && !ours && r.opts.TakeOver <= 0:
			text := "in the target the run is held, or was ended, by " + last.String()
			if last.ID == m.id {
				text = "in the target the run was started from a copy of this state folder, by " + last.String()
			}
			return false, target.NewError(target.CodeStateLocked, "", text, nil)
		}
		// Behind what the target shows and what we know: it may have lost leases.
		err = m.claim(ctx, max(highest, known)+1, last.Canceled)
		switch {
		case target.HasCode(err, target.CodeKeyExists):
			continue // another host was first
		case err != nil:
			return news, err
		}
		if err := r.keepNonce(who); err != nil || highest == 0 || ours {
			return news, err
		}
		r.opts.Log.Info("taking the run over", "from", last.String(), "wait", r.opts.TakeOver)
		if !r.calls.Gate.Rest(ctx, max(mirrorWait, min(r.opts.TakeOver, maxWait))) { // for the other host to look
			return false, request.ErrStopped
		}
		return true, nil
	}
	if unseen != "" {
		return false, mirrorNotShown(m.prefix+unseen, nil)
	}
	return false, fmt.Errorf("%s: other hosts take each next lease", m.prefix)
}

// nextLease begins an attempt of its own on this host.
func (r *run) nextLease(ctx context.Context) error {
	err := r.mirror.claim(ctx, r.mirror.number.Load()+1, false)
	if target.HasCode(err, target.CodeKeyExists) {
		err = target.NewError(target.CodeTakenOver, "", "another host has taken the run over in the target", err)
	}
	return err
}

// watchMirror looks every now and then whether the run is still ours, until it is
// told to end. A look is one attempt, which costs no retry: the next one comes soon, and
// what must be sure asks by itself.
func (r *run) watchMirror(ctx context.Context) (end func()) {
	if r.mirror == nil || r.ended.Done {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var gone sync.WaitGroup
	gone.Go(func() {
		for last := time.Now(); r.calls.Gate.Rest(ctx, mirrorEvery); {
			if state, _ := r.calls.Gate.State(); state != request.StateRunning && time.Since(last) < mirrorIdle || !r.calls.Gate.InTime() {
				continue
			}
			last = time.Now()
			if err := r.mirror.look(ctx, r.calls.Once); target.HasCode(err, target.CodeTakenOver) {
				r.halt(target.AsError(err))
				return
			}
		}
	})
	return func() { cancel(); gone.Wait() }
}

// stillOurs asks the state folder and, where the journal is in the target, or was, what the
// last look there has found.
func (r *run) stillOurs(folder func() error) func() error {
	return func() error {
		if m := r.mirrored(); m != nil && m.held() != nil {
			return m.held()
		}
		return folder()
	}
}

// mustHold looks at the target itself, before what cannot be taken back.
func (r *run) mustHold(ctx context.Context) error {
	if r.mirror == nil {
		return nil
	}
	return r.mirror.check(ctx)
}
