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
	if c.field != listFields[j.list] || c.first != l.given || l.given+len(c.items) > l.count {
		return nil, fmt.Errorf("%w: %s: continuation %d does not fit", ErrCorrupt, quote(r.Path), c.number)
	}
	if err := j.r.takeMore(j.list, c.items); err != nil {
		return nil, err
	}
	j.next++
	if l.given < l.count {
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

// takeMore decodes items as they come, so that a list takes no more memory than what it
// says, and of attributes no more than the limit.
func (r *Record) takeMore(list int, items [][]byte) error {
	l := &r.pending[list]
	for _, it := range items {
		if err := r.takeItem(list, it); err != nil {
			return err
		}
		l.given++
		l.tree.Add(it)
		if listFields[list] != fieldXattrs {
			continue
		}
		x := r.Xattrs[len(r.Xattrs)-1]
		if l.attributes += len(x.Name) + len(x.Value); l.attributes > MaxAttributes {
			return fmt.Errorf("%w: %s: extended attributes of more than %d bytes", ErrCorrupt, quote(r.Path), MaxAttributes)
		}
	}
	return nil
}

func (j *Joiner) skipShort() {
	for j.list < len(listFields) && !j.r.pending[j.list].long {
		j.list++
	}
}

// Pending tells whether an entry still waits for continuation records.
func (j *Joiner) Pending() bool { return j.r != nil }
