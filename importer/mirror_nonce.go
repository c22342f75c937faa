package importer

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
)

// identity is who has leases of this state folder, of a copy in it another one. The nonces
// are of its starts: the last one that the target was seen to have, and after it those that
// may have been written. A copy of the folder that was started since has written another.
type identity struct {
	ID     string    `json:"id"`
	Taken  uint64    `json:"taken,omitempty"`
	Nonces []string  `json:"nonces,omitempty"`
	At     time.Time `json:"at,omitzero"` // when the target was given the last one
}

var identityKey = journalKey('i', 0)

// maxNonces bounds those of starts that were cut off before the target was seen to have them.
const maxNonces = 16

func (r *run) identity() (identity, error) {
	var i identity
	if ok, err := r.journal.load(identityKey, &i); err != nil || ok && i.Taken == r.copyNumber() {
		return i, err
	}
	i = identity{ID: rand.Text(), Taken: r.copyNumber()}
	return i, r.journal.store(identityKey, i, true)
}

// last is the nonce of the newest start; "" before the first, and of older versions.
func (i identity) last() string {
	if len(i.Nonces) == 0 {
		return ""
	}
	return i.Nonces[len(i.Nonces)-1]
}

// has tells a lease that a start of this very folder has written.
func (i identity) has(l lease.Lease) bool {
	return l.ID == i.ID && slices.Contains(i.Nonces, l.Nonce)
}

// leaseNow is what this start writes.
func (m *mirror) leaseNow(canceled bool) lease.Lease {
	return lease.Lease{Holder: lease.This(), ID: m.id, Nonce: m.nonce, Canceled: canceled}
}

// wrote tells a lease that this start has written.
func (m *mirror) wrote(l lease.Lease) bool { return l.ID == m.id && l.Nonce == m.nonce }

// newNonce begins a start: its nonce is in the journal before it is in the target. who has
// those from before, too.
func (r *run) newNonce(who *identity) error {
	switch n := len(who.Nonces); {
	case n == 0:
		who.Nonces = []string{""} // of a lease that an older version has written
	case n >= maxNonces:
		who.Nonces = slices.Concat(who.Nonces[:1], who.Nonces[n-maxNonces+2:])
	}
	r.mirror.former = slices.Clone(who.Nonces)
	who.Nonces = append(slices.Clone(who.Nonces), rand.Text())
	r.mirror.nonce = who.last()
	return r.journal.store(identityKey, who, true)
}

// keepNonce forgets the nonces from before: the target has that of this start.
func (r *run) keepNonce(who identity) error {
	who.Nonces, who.At = []string{who.last()}, r.opts.Now().UTC()
	return r.journal.store(identityKey, who, true)
}

// renewLease puts the nonce of this start into the folder's own lease. A process at work in a copy
// of the folder sees it by its next look, and ends.
func (r *run) renewLease(ctx context.Context, who identity, last lease.Lease, number uint64) error {
	m := r.mirror
	if err := m.put(ctx, lease.Name(number), m.leaseNow(last.Canceled), false); err != nil {
		return err
	}
	m.number.Store(number)
	m.canceled = last.Canceled
	return r.keepNonce(who)
}

// signer is who signs the receipts of a lease: one end of the run, fixed before.
type signer struct {
	Nonce string `json:"nonce"`
}

func signerName(number uint64) string { return lease.Name(number) + ".signed" }

// maySign makes sure that the receipts of this lease are signed once: looks at a nonce may
// come too late for a copy of the folder. Where one was first, the next lease is taken, and
// with it an attempt of its own.
func (r *run) maySign(ctx context.Context, end *finished) error {
	if r.mirror == nil {
		return nil
	}
	if err := errors.Join(r.ours(), r.mustHold(ctx)); err != nil {
		return err
	}
	for {
		first, err := r.signs(ctx, end.Nonce)
		if err != nil || first {
			return err
		}
		if err := r.nextLease(ctx); err != nil {
			return err
		}
		r.mu.Lock()
		r.header.Lease, r.header.Attempt = r.mirror.number.Load(), int(r.mirror.number.Load())
		r.mu.Unlock()
		if err := r.journal.store(headerKey, r.header, true); err != nil {
			return err
		}
	}
}

// signs tells whether the receipts of our lease are those of this end.
func (r *run) signs(ctx context.Context, nonce string) (bool, error) {
	m := r.mirror
	name := signerName(m.number.Load())
	err := m.put(ctx, name, signer{nonce}, true)
	if !target.HasCode(err, target.CodeKeyExists) {
		return err == nil, err
	}
	var was signer
	if err := m.getWritten(ctx, name, maxMirrorSmall, &was); target.IsNotFound(err) {
		return false, mirrorNotShown(m.prefix+name, err)
	} else if err != nil {
		return false, err
	}
	return was.Nonce == nonce, nil
}
