package importer

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/importer/target"
)

// probeTrail is what a probe has written and not seen removed. The next probe of a start takes
// it over: the target may not show it what the one before was answered.
type probeTrail struct {
	uploads  []target.Upload     // that we began and did not see end
	lost     []string            // keys of uploads that we may have begun: the answer was lost
	written  map[string][]string // versions by key that we wrote and did not see deleted; "" without versions
	versions bool                // HEAD has shown one
	seen     map[string]bool     // keys whose objects the target has shown, and that were not removed
}

// removeAll removes these keys, and notes what is left.
func (p *prober) removeAll(ctx context.Context, keys []string) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if err := p.remove(ctx, key); err != nil {
			p.keepOrLeave(key, err)
		}
	}
}

// trail is what the next probe takes over.
func (p *prober) trail() probeTrail { return p.probeTrail }

// after takes over the trail of the probe before.
func (p *prober) after(t probeTrail) *prober {
	p.probeTrail = t
	return p
}
