package appliance

import (
	"hash/maphash"
	"slices"

	"github.com/sledge-io/sledge/appliance/scan"
)

// awayPaths are a list's entries that were not there when they were to be read. Memory
// is bounded: beyond maxPaths they are counted, and none comes back.
type awayPaths struct {
	seed   maphash.Seed
	hashes map[uint64]bool
	more   uint64
}

func (a *awayPaths) add(path string) {
	if a.hashes == nil {
		a.seed, a.hashes = maphash.MakeSeed(), map[uint64]bool{}
	}
	if len(a.hashes) >= maxPaths {
		a.more++
		return
	}
	a.hashes[maphash.String(a.seed, path)] = true
}

// back takes out a path that a further scan has met: what becomes of it is told anew.
func (a *awayPaths) back(path string) {
	if len(a.hashes) > 0 {
		delete(a.hashes, maphash.String(a.seed, path))
	}
}

// has knows the paths that a report names: they are fewer than maxPaths.
func (a *awayPaths) has(path string) bool {
	return len(a.hashes) > 0 && a.hashes[maphash.String(a.seed, path)]
}

func (a *awayPaths) count() uint64 { return uint64(len(a.hashes)) + a.more }

// scanned leaves of what was skipped only what the further scan has not met: all else
// it has listed again.
func (r *LoadReport) scanned() {
	r.SkippedCount, r.Remarked = r.away.count(), 0
	r.Skipped = slices.DeleteFunc(r.Skipped, func(s SkippedEntry) bool { return s.Reason != scan.Vanished || !r.away.has(s.Path) })
}
