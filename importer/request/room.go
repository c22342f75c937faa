package request

import (
	"context"
	"sync"
)

// What requests hold of the memory: a connection with its buffers, and of a payload that is not
// small the body's buffer and what the source holds for it.
const (
	smallPayload = 64 << 10
	SmallRequest = 256 << 10
	LargeRequest = 4 << 20
)

// room is memory that calls hold while they are under way, first come, first served.
type room struct {
	mu      sync.Mutex
	free    int64
	waiters []*roomWaiter
}

type roomWaiter struct {
	bytes int64
	turn  chan struct{} // closed: it has them
}

// holds is what a call needs of it, of size bytes in all.
func (c Call) holds(size int64) int64 {
	need := int64(SmallRequest)
	switch c.Name {
	case PutObject, UploadPart, GetObject:
		if c.Payload > smallPayload {
			need = LargeRequest
		}
	}
	return min(need, size)
}

// take waits for bytes; nil has always enough.
func (r *room) take(ctx context.Context, bytes int64) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	if len(r.waiters) == 0 && bytes <= r.free {
		r.free -= bytes
		r.mu.Unlock()
		return nil
	}
	w := &roomWaiter{bytes, make(chan struct{})}
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.waiters {
		if other == w {
			r.waiters = append(r.waiters[:i], r.waiters[i+1:]...)
			r.wake()
			return ctx.Err()
		}
	}
	r.free += bytes // our turn came meanwhile: pass it on
	r.wake()
	return ctx.Err()
}

// crowded reports whether a call waits for memory.
func (r *room) crowded() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiters) > 0
}

func (r *room) giveBack(bytes int64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += bytes
	r.wake()
}

func (r *room) wake() {
	for len(r.waiters) > 0 && r.waiters[0].bytes <= r.free {
		r.free -= r.waiters[0].bytes
		close(r.waiters[0].turn)
		r.waiters = r.waiters[1:]
	}
}
