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

// begun remembers an upload of a key, or that there may be one.
func (p *Prober) begun(key, id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.uploads = append(p.uploads, target.Upload{Key: key, ID: id})
	case target.IsUnknown(err) && !slices.Contains(p.lost, key):
		p.lost = append(p.lost, key)
	}
}

// wrote remembers what a write was answered with, so that it is removed even if no look
// shows it.
func (p *Prober) wrote(key string, s target.Stored) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.written == nil {
		p.written = map[string][]string{}
	}
	p.written[key] = append(p.written[key], s.VersionID)
}

// saw remembers that the target has shown an object of the probe, and a version or none.
func (p *Prober) saw(key, version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.versions = p.versions || version != ""
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[key] = true
}
