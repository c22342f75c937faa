package importer

import (
	"context"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// mirrorSlots are the leases in the target. Each look asks in its own way.
type mirrorSlots struct {
	mirror *mirror
	ask    asking
}

// slots are those that are asked for until there is an answer.
func (m *mirror) slots() mirrorSlots { return mirrorSlots{m, m.calls.Idempotent} }

// Create makes a slot on condition that it is not there.
func (s mirrorSlots) Create(ctx context.Context, number uint64, l lease.Lease) error {
	return s.mirror.put(ctx, lease.Name(number), l, true)
}

// Read reads ours, or looks whether another one is there before it is read.
func (s mirrorSlots) Read(ctx context.Context, number uint64) (l lease.Lease, err error) {
	if number == s.mirror.number.Load() {
		return s.mirror.ownLease(ctx, s.ask, number)
	}
	if err := s.mirror.head(ctx, s.ask, lease.Name(number)); err != nil {
		return l, err
	}
	err = s.mirror.read(ctx, s.ask, lease.Name(number), maxMirrorSmall, &l)
	return l, seenNot(err)
}

// Highest is the number of the last lease; 0 if there is none.
func (s mirrorSlots) Highest(ctx context.Context) (highest uint64, err error) {
	err = s.mirror.each(ctx, mirrorLeases, func(name string) error {
		if n, ok := lease.Number(strings.TrimPrefix(name, mirrorLeases)); ok {
			highest = max(highest, n)
		}
		return nil
	})
	return highest, err
}

// seenNot is of a lease that HEAD shows and GET does not give: whose it is, is not known.
func seenNot(err error) error {
	if target.IsNotFound(err) {
		return target.NewError(target.CodeServerError, "", "HEAD shows a lease that GET does not find", err)
	}
	return err
}

// ownLease reads our lease. What a start of this folder before this one had put there is its
// former content: a store or a cache may show it for a while, and who has the run is not known
// then. A copy of the folder writes none of these nonces.
func (m *mirror) ownLease(ctx context.Context, ask asking, number uint64) (l lease.Lease, err error) {
	name := lease.Name(number)
	plain := func(ctx context.Context, _ request.Call, f func(context.Context) error) error { return f(ctx) }
	err = ask(ctx, request.Call{Name: request.GetObject, Key: m.prefix + name, Payload: maxMirrorSmall, Free: true}, func(ctx context.Context) error {
		l = lease.Lease{}
		if err := m.read(ctx, plain, name, maxMirrorSmall, &l); err != nil {
			return err
		}
		if l.ID == m.id && l.Nonce != m.nonce && slices.Contains(m.former, l.Nonce) {
			return target.NewError(target.CodeServerError, m.prefix+name, "the lease that was written anew is shown as it was before", nil)
		}
		return nil
	})
	return l, err
}
