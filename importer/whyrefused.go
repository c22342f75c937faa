package importer

import (
	"context"
	"sync"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// triedAttributes are sets of attributes that the target was asked about after it had
// refused an object with them.
type triedAttributes struct {
	mu    sync.Mutex
	sound map[string]bool // by kind of write and set: it is not the attributes
}

// whyRefused tells the refusal of an object from that of its attributes. The one is an
// outcome; the other ends the run before all objects meet it. Where an error has kept it
// from telling, the next object that is refused asks again.
func (r *run) whyRefused(ctx context.Context, kind string, a target.Attributes, err error) error {
	if a.Empty() || !request.OfAttributes(err) {
		return err
	}
	t := &r.tried
	t.mu.Lock()
	defer t.mu.Unlock()
	set := kind + " " + a.Text()
	if t.sound[set] {
		return err
	}
	p := r.proberOf(r.attemptID())
	r.refusals.asking.Lock() // takesOthers asks with an object of the same key
	defer r.refusals.asking.Unlock()
	why, sound := p.WhyRefused(context.WithValue(context.WithoutCancel(ctx), request.BesideKey{}, true), kind, a, err)
	r.nameLeft(p.Found())
	if !sound {
		return why
	}
	if t.sound == nil {
		t.sound = map[string]bool{}
	}
	if len(t.sound) < maxKeptSets {
		t.sound[set] = true
	}
	return err
}
