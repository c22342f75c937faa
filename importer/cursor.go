package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// cursor reads the journal's values of one kind in the order of their entries: a
// step for each, where get would search. It sees what was there when it was made.
type cursor struct {
	kind byte
	rows *pebble.Iterator
	more bool
}

func (j *journal) cursor(kind byte) (c *cursor, err error) {
	defer func() { err = journalError(err, recover()) }()
	rows, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return nil, err
	}
	return &cursor{kind, rows, rows.First()}, nil
}

// load reads an entry's value; ok is false if it has none. Ordinals only go up.
func (c *cursor) load(ordinal uint64, v any) (ok bool, err error) {
	defer func() { err = journalError(err, recover()) }()
	key := journalKey(c.kind, ordinal)
	for c.more && bytes.Compare(c.rows.Key(), key) < 0 {
		c.more = c.rows.Next()
	}
	if !c.more || !bytes.Equal(c.rows.Key(), key) {
		return false, c.rows.Error()
	}
	value, err := c.rows.ValueAndErr()
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(value, v); err != nil {
		return false, newError(CodeJournalLost, "", fmt.Sprintf("journal key %q: %v", key, err), err)
	}
	return true, nil
}

func (c *cursor) close() (err error) {
	defer func() { err = journalError(err, recover()) }()
	return c.rows.Close()
}

// past is what earlier starts have left about the entries.
type past struct{ outcomes, uploads *cursor }

func (j *journal) past() (p past, err error) {
	if p.outcomes, err = j.cursor('o'); err != nil {
		return p, err
	}
	if p.uploads, err = j.cursor('u'); err != nil {
		return p, errors.Join(err, p.outcomes.close())
	}
	return p, nil
}

func (p past) close() error { return errors.Join(p.outcomes.close(), p.uploads.close()) }
