package probe

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/importer/target"
)

// Trail is what a probe has written and not seen removed. The next probe of a start takes
// it over: the target may not show it what the one before was answered.
type Trail struct {
	uploads  []target.Upload     // that we began and did not see end
	lost     []string            // keys of uploads that we may have begun: the answer was lost
	written  map[string][]string // versions by key that we wrote and did not see deleted; "" without versions
	versions bool                // HEAD has shown one
	seen     map[string]bool     // keys whose objects the target has shown, and that were not removed
}

// RemoveAll removes these keys, and notes what is left.
func (p *Prober) RemoveAll(ctx context.Context, keys []string) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if err := p.Remove(ctx, key); err != nil {
			p.keepOrLeave(key, err)
		}
	}
}

// Unremoved is what the next probe takes over.
func (p *Prober) Unremoved() Trail { return p.Trail }

// After takes over the trail of the probe before.
func (p *Prober) After(t Trail) *Prober {
	p.Trail = t
	return p
}
