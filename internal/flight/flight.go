// Package flight makes what several goroutines ask for at the same time once. It
// imports nothing of ours, and it keeps nothing: a result is for those that wait.
package flight

import (
	"errors"
	"sync"
)

// Group is a set of calls that are on their way. Its zero value is empty and ready.
type Group[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V]
}

type call[V any] struct {
	done  chan struct{}
	value V
	err   error
}

var errPanicked = errors.New("the call that was waited for has panicked")

// Do calls f, unless a call for key is on its way: then it waits for that one and
// returns its result. f runs without any lock held, and must not ask for its own key.
func (g *Group[K, V]) Do(key K, f func() (V, error)) (V, error) {
	g.mu.Lock()
	if c := g.calls[key]; c != nil {
		g.mu.Unlock()
		<-c.done
		return c.value, c.err
	}
	c := &call[V]{done: make(chan struct{}), err: errPanicked}
	if g.calls == nil {
		g.calls = map[K]*call[V]{}
	}
	g.calls[key] = c
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.calls, key)
		g.mu.Unlock()
		close(c.done)
	}()
	c.value, c.err = f()
	return c.value, c.err
}
