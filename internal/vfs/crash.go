package vfs

import (
	"maps"
	"math/rand"
	"slices"
)

// CrashClone returns the disk as a power cut at this moment might leave it, as a
// new, running Mem of the same capacity in which everything is durable. The
// original is not changed; it may be halted or in use.
//
// What was synced is kept: content and size by File.Sync, entries by SyncDir. Of
// the rest, each piece is kept with keepPercent per cent, so 0 gives the least
// and 100 the most that a real disk could hold:
//
//   - each sector of each write and punch on its own, sectors being 512 or 4096
//     bytes as the dice say, one size a write: writes are torn and reordered. A
//     kept sector behind the end makes the file longer, with zeros between;
//   - each truncation;
//   - each create, remove, link and mkdir. A file whose create is lost may live
//     on under a later name. A folder that is lost takes all with it;
//   - each rename, both sides together. Once one of two folders is synced, the
//     other side is on its own: the file may then have both names, or none. A
//     folder is never in two places; the first by name has it.
//
// The same rng state gives the same clone.
func (m *Mem) CrashClone(rng *rand.Rand, keepPercent int) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{
		rng:     rng,
		percent: keepPercent,
		kept:    map[*decision]bool{},
		clones:  map[*memNode]*memNode{},
		placed:  map[*memNode]bool{m.root: true},
	}
	clone := &Mem{capacity: m.capacity, root: c.dir(m.root)}
	for _, node := range c.clones {
		clone.used += node.cost()
	}
	return clone
}

// crash holds what was decided so far.
type crash struct {
	rng     *rand.Rand
	percent int
	kept    map[*decision]bool
	clones  map[*memNode]*memNode // of files, so that hard links stay links
	placed  map[*memNode]bool     // folders that already have their place
}

func (c *crash) keep() bool { return c.rng.Intn(100) < c.percent }

func (c *crash) decide(d *decision) bool {
	kept, ok := c.kept[d]
	if !ok {
		kept = c.keep()
		c.kept[d] = kept
	}
	return kept
}

func (c *crash) dir(n *memNode) *memNode {
	entries := maps.Clone(n.durable)
	for _, change := range n.changes {
		if c.decide(change.decision) {
			setEntry(entries, change.name, change.node)
		}
	}
	clone := newMemDir(n.perm)
	clone.modTime = n.modTime
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		node := entries[name]
		var copied *memNode
		if node.isDir && c.placed[node] {
			continue
		}
		if node.isDir {
			c.placed[node] = true
			copied = c.dir(node)
		} else {
			copied = c.file(node)
			copied.names++
		}
		clone.entries[name] = copied
		clone.durable[name] = copied
	}
	return clone
}

func (c *crash) file(n *memNode) *memNode {
	if clone, ok := c.clones[n]; ok {
		return clone
	}
	// Undo to what was synced, then redo what the crash keeps.
	data := slices.Clone(n.data)
	for _, w := range slices.Backward(n.pending) {
		data = setLength(data, w.oldSize)
		copy(data[min(w.off, w.oldSize):], w.old)
	}
	for _, w := range n.pending {
		data = c.redo(data, w)
	}
	clone := &memNode{perm: n.perm, modTime: n.modTime, data: data}
	c.clones[n] = clone
	return clone
}

func (c *crash) redo(data []byte, w memWrite) []byte {
	if w.truncate {
		if c.keep() {
			return setLength(data, w.newSize)
		}
		return data
	}
	sector := int64(512)
	if c.rng.Intn(2) == 1 {
		sector = 4096
	}
	end := w.off + int64(len(w.new))
	for at := w.off; at < end; {
		next := min(end, (at/sector+1)*sector)
		if c.keep() {
			data = setLength(data, max(int64(len(data)), next))
			copy(data[at:next], w.new[at-w.off:])
		}
		at = next
	}
	return data
}
