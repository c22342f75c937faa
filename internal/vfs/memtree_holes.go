package vfs

import "slices"

// treeHole is a run [from, to) that a file's Data leaves out.
type treeHole struct{ from, to int64 }

// Hole makes n bytes of a file a hole: zeros that take no room.
func (t *MemTree) Hole(path string, off, n int64) { t.hole(path, off, n, true) }

// Hide has Data tell n bytes of a file as a hole though they are there, as OpenZFS
// did with data that it had not written yet. It changes no times.
func (t *MemTree) Hide(path string, off, n int64) { t.hole(path, off, n, false) }

func (t *MemTree) hole(path string, off, n int64, zero bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.walk(path)
	if err != nil || f.isDir() {
		return
	}
	off = min(max(off, 0), int64(len(f.data)))
	to := min(off+max(n, 0), int64(len(f.data)))
	if off == to {
		return
	}
	if zero {
		clear(f.data[off:to])
		f.mtime = t.now()
		f.ctime = f.mtime
	}
	f.holes = append(f.holes, treeHole{off, to})
	slices.SortFunc(f.holes, func(a, b treeHole) int { return int(a.from - b.from) })
}

// hidden counts the bytes in holes.
func (n *treeNode) hidden() (bytes int64) {
	end := int64(0)
	for _, h := range n.holes {
		bytes += max(0, h.to-max(h.from, end))
		end = max(end, h.to)
	}
	return bytes
}

// Data is the next run that is in no hole.
func (f *memTreeFile) Data(off, size int64) (from, to int64) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	from, to = off, size
	for _, h := range f.n.holes {
		switch {
		case h.to <= from:
		case h.from <= from:
			from = h.to
		default:
			to = min(to, h.from)
		}
	}
	return min(from, size), min(max(to, from), size)
}
