package custody

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const custodyPredicate = wire.PredicateBase + "custody/v1"

var eventNames = []string{"version", "critical", "job", "device", "generation", "event", "seq", "previous_root", "time", "clock", "actor", "place",
	"purpose", "condition", "note", "attachments", "software", "details"}

// entry is one that was parsed; who signed it is not known yet.
type entry struct {
	Event
	env     *wire.Envelope
	who     wire.Identity
	seq     uint64
	root    []byte
	predict string // the key id that the event says signed it
	subject map[string]string
}

// parse reads an entry whose bytes the log proves.
func parse(raw []byte) (*entry, error) {
	if len(raw) > maxEntry {
		return nil, fmt.Errorf("%w: entry of %d bytes", wire.ErrMalformed, len(raw))
	}
	env, err := wire.ParseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	s, err := env.Statement(custodyPredicate)
	if err != nil {
		return nil, err
	}
	p := s.Predicate
	if err := p.Version1(eventNames); err != nil {
		return nil, err
	}
	e := &entry{env: env, subject: s.Subjects}
	if e.who.Job, err = p.ID("job"); err != nil {
		return nil, err
	}
	if e.who.Device, err = p.ID("device"); err != nil {
		return nil, err
	}
	if e.who.Generation, err = p.Uint("generation"); err != nil {
		return nil, err
	}
	if e.seq, err = p.Uint("seq"); err != nil {
		return nil, err
	}
	if e.root, err = p.Base64("previous_root"); err != nil {
		return nil, err
	}
	if e.Time, err = p.Time("time"); err != nil {
		return nil, err
	}
	if e.Kind, err = p.Text("event"); err != nil {
		return nil, err
	}
	return e, e.readTexts(p)
}

func (e *entry) readTexts(p wire.Object) error {
	actor, err := p.Object("actor")
	if err != nil {
		return err
	}
	clock, err := p.Object("clock")
	if err != nil {
		return err
	}
	for _, m := range []struct {
		o    wire.Object
		name string
		to   *string
	}{{actor, "name", &e.Name}, {actor, "organisation", &e.Org}, {actor, "key_id", &e.predict}, {clock, "source", &e.Clock},
		{p, "purpose", &e.Purpose}, {p, "condition", &e.Condition}, {p, "note", &e.Note}} {
		if err := m.o.Maybe(m.name, m.to); err != nil {
			return err
		}
	}
	if p.Has("place") {
		place, err := p.Object("place")
		if err != nil {
			return err
		}
		if err := place.Maybe("text", &e.Place); err != nil {
			return err
		}
	}
	details := wire.Object{}
	if p.Has("details") {
		if details, err = p.Object("details"); err != nil {
			return err
		}
	}
	e.Details = map[string]json.RawMessage(details)
	return nil
}

// text is a detail that is text; "" if it is absent or something else.
func (e *entry) text(name string) (s string) {
	json.Unmarshal(e.Details[name], &s)
	return s
}

// next is the custodian that a hand-over names: nil is none.
func (e *entry) next() (*wire.Cosigner, error) {
	text := e.text("to_vkey")
	if text == "none" {
		return nil, nil
	}
	c, err := wire.ParseCosigner(text)
	return &c, err
}

// person is somebody who may sign, by the job file.
type person struct {
	key  ed25519.PublicKey
	role string
	name string
}

// people are all keys of the job file that may sign an entry.
func people(j *wire.JobFile, device wire.ID, signer ed25519.PublicKey) (all []person) {
	all = append(all, person{j.Devices[device], "device", "the device"})
	for _, c := range j.Custodians {
		all = append(all, person{c.Key, "custodian", c.Name})
	}
	for _, r := range []struct {
		role string
		keys []ed25519.PublicKey
	}{{"importer", j.Importers}, {"acceptor", j.Acceptors}, {"eraser", j.Erasers}, {"validator", j.Validators}} {
		for _, k := range r.keys {
			all = append(all, person{k, r.role, r.role})
		}
	}
	if signer != nil {
		all = append(all, person{signer, "signer", "the job's signer"})
	}
	return all
}

// roles are those beside the custodian of the moment who may sign events of a kind. Kinds
// that are absent here are the custodian's own; "only" leaves him out.
var roles = map[string]struct {
	only bool
	any  []string
}{
	"provisioned": {true, []string{"device"}}, "unlocked": {true, []string{"device"}}, "locked": {true, []string{"device"}},
	"load-session": {true, []string{"device"}}, "disk-replaced": {true, []string{"device"}}, "checked": {true, []string{"device"}},
	"sealed": {true, []string{"device"}}, "firmware-updated": {true, []string{"device"}},
	"import-run": {true, []string{"importer"}}, "accepted": {true, []string{"acceptor"}},
	"hold-placed": {false, []string{"signer", "acceptor"}}, "hold-released": {true, []string{"signer", "acceptor"}},
	"erase-authorised": {true, []string{"acceptor", "signer"}}, "erase-result": {true, []string{"eraser"}}, "erase-certified": {true, []string{"validator"}},
	"closed": {false, []string{"signer"}},
}

// maySign tells whether a role signs events of a kind; holder: it is the custodian of the moment.
func maySign(kind, role string, holder bool) bool {
	rule := roles[kind]
	return holder && !rule.only || slices.Contains(rule.any, role)
}

func hours(from, to time.Time) string { return fmt.Sprintf("%.1f hours", to.Sub(from).Hours()) }
