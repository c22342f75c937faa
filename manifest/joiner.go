package manifest

import "fmt"

// Joiner puts continuation records back into their record. Feed it the records
// of the manifest in order; it returns an entry once that is whole.
type Joiner struct {
	r    *Record
	next int
	list int
}

// Add takes the next record's bytes. It returns the entry's record if it is
// complete, nil if continuation records must follow.
func (j *Joiner) Add(b []byte) (*Record, error) {
	r, c, err := decodeAny(b)
	if err != nil {
		return nil, err
	}
	if !c.is() {
		if j.r != nil {
			return nil, fmt.Errorf("%w: %s: continuation records missing", ErrCorrupt, quote(j.r.Path))
		}
		if !r.continues() {
			return r, nil
		}
		j.r, j.next, j.list = r, 1, 0
		j.skipShort()
		return nil, nil
	}
	if j.r == nil || r.Path != j.r.OrderKey() || c.number != j.next {
		return nil, fmt.Errorf("%w: %s: continuation %d is out of place", ErrCorrupt, quote(r.Path), c.number)
	}
	l := &j.r.pending[j.list]
	if c.field != listFields[j.list] || c.first != l.taken.count || l.taken.count+len(c.items) > l.count {
		return nil, fmt.Errorf("%w: %s: continuation %d does not fit", ErrCorrupt, quote(r.Path), c.number)
	}
	for _, it := range c.items {
		l.tree.Add(it)
		if err := l.taken.take(it); err != nil {
			return nil, fmt.Errorf("%s: %w", quote(r.Path), err)
		}
	}
	j.next++
	if l.taken.count < l.count {
		return nil, nil
	}
	if l.tree.Root() != l.root {
		return nil, fmt.Errorf("%w: %s: list of field %d does not match its root", ErrCorrupt, quote(r.Path), c.field)
	}
	j.list++
	j.skipShort()
	if j.list < len(listFields) {
		return nil, nil
	}
	done := j.r
	j.r = nil
	done.pending = nil
	if err := done.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return done, nil
}

func (j *Joiner) skipShort() {
	for j.list < len(listFields) && !j.r.pending[j.list].long {
		j.list++
	}
}

// Pending tells whether an entry still waits for continuation records.
func (j *Joiner) Pending() bool { return j.r != nil }
