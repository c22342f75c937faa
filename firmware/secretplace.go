package firmware

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrSecretElsewhere: the load key was put into memory since the machine was started,
// and is not where this command can see it. Nothing is said about whether it is gone.
var ErrSecretElsewhere = errors.New("the load key was put into memory by another session, and this command does not see it")

// SecretPlace is a folder in memory that a load key was put into. File system and
// namespace tell whether a later command looks at the same folder.
type SecretPlace struct {
	Dir       string `json:"dir"`
	FS        uint64 `json:"fs"`        // device number of the file system
	Namespace string `json:"namespace"` // of mounts
}

// SecretPlaces are those of one start of the machine.
type SecretPlaces struct {
	Boot   string        `json:"boot"`
	Places []SecretPlace `json:"places"`
}

// maxPlaces bounds what the state remembers; more sessions than that need a restart.
const maxPlaces = 32

func (p *SecretPlaces) clone() *SecretPlaces {
	if p == nil {
		return nil
	}
	return &SecretPlaces{p.Boot, slices.Clone(p.Places)}
}

// of are the places of one start of the machine; memory of another is gone.
func (p *SecretPlaces) of(boot string) []SecretPlace {
	if p == nil || p.Boot != boot {
		return nil
	}
	return p.Places
}

// Stale tells whether all places that the device knows are of an earlier start, or
// none is known: then no key can be in memory.
func (s *Secrets) Stale(r Record) bool { return len(r.SecretPlaces.of(s.boot)) == 0 }

// NoteSecretPlace makes durable where the load key is about to be put.
func (d *Device) NoteSecretPlace(s *Secrets) error {
	place, err := s.place()
	if err != nil {
		return err
	}
	places := d.record.SecretPlaces.of(s.boot)
	if slices.Contains(places, place) {
		return nil
	}
	if len(places) >= maxPlaces {
		return fmt.Errorf("the load key was put into %d places since the machine was started: start it again, or run sledge lock in the sessions that unlocked the device: %w", len(places), ErrUnsafeSecret)
	}
	r := d.record.clone()
	r.SecretPlaces = &SecretPlaces{s.boot, append(slices.Clone(places), place)}
	return d.write(r)
}

// ForgetSecret removes the load key from wherever it was put: from each place that the
// device remembers, and from each where a command of this user could have put it.
// ErrSecretElsewhere: at least one copy was not found and may live on; the device
// remembers where. An empty file stays in each place until [Secrets.Sweep], so that
// who was interrupted can do it again.
func (d *Device) ForgetSecret(s *Secrets) error {
	found, unseen, err := s.erase(d.record.SecretPlaces.of(s.boot), d.ID())
	if err != nil {
		return err
	}
	if found == 0 && d.record.State != Locked && !s.Stale(d.record) {
		unseen = d.record.SecretPlaces.Places
	}
	if err := d.keepPlaces(s.boot, unseen); err != nil {
		return err
	}
	if len(unseen) > 0 {
		return fmt.Errorf("%w: %s", ErrSecretElsewhere, placeNames(unseen))
	}
	return nil
}

// keepPlaces remembers these alone: what was judged need not be judged again.
func (d *Device) keepPlaces(boot string, places []SecretPlace) error {
	if d.record.SecretPlaces == nil || slices.Equal(places, d.record.SecretPlaces.of(boot)) && len(places) > 0 {
		return nil
	}
	r := d.record.clone()
	r.SecretPlaces = nil
	if len(places) > 0 {
		r.SecretPlaces = &SecretPlaces{boot, places}
	}
	return d.write(r)
}

// WhereSecret says where a key was put that is not found there any more.
func (d *Device) WhereSecret() string {
	if d.record.SecretPlaces == nil {
		return ""
	}
	return placeNames(d.record.SecretPlaces.Places)
}

func placeNames(places []SecretPlace) string {
	var dirs []string
	for _, p := range places {
		if !slices.Contains(dirs, p.Dir) {
			dirs = append(dirs, p.Dir)
		}
	}
	return strings.Join(dirs, ", ")
}
