package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// linksSwap loads two files of two names each, which were made at one time and have one
// size, and has their further names change places, as by mv of the folders that they
// are in. Sizes and times say nothing of that.
func (l *life) linksSwap(ctx context.Context, dice *rand.Rand) error {
	m, set := l.model, fmt.Sprintf("swapped-%d", dice.IntN(1000))
	if m.now[set] != "" {
		return nil
	}
	at := func(n int) string { return fmt.Sprintf("%s/d%d", set, n) }
	size := 1 + dice.IntN(40000)
	step := m.clock.Step(0)
	for n := range 2 {
		m.write(at(n)+"/f", randomBytes(dice, size))
	}
	for n := range 2 {
		m.link(at(n)+"/f", at(n+2)+"/f")
	}
	m.clock.Step(step)
	l.met[LinksSwap]++
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	m.clock.Jump(time.Minute)
	m.rename(at(2), at(4))
	m.rename(at(3), at(2))
	m.rename(at(4), at(3))
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}

// rename gives a folder another name; what is in it keeps its times.
func (m *model) rename(from, to string) {
	if m.tree.Rename(from, to) != nil {
		return
	}
	for _, path := range m.paths() {
		if !within(from, path) {
			continue
		}
		moved := to + path[len(from):]
		m.note(moved, m.now[path])
		m.mu.Lock()
		if inode := m.linked[path]; inode != 0 {
			m.linked[moved] = inode
		}
		if attrs, some := m.attrs[path]; some {
			m.attrs[moved] = attrs
		}
		m.forget(path)
		m.mu.Unlock()
	}
}
