package importer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// cursor reads the journal's values of one kind in the order of their entries: a
// step for each, where get would search. It sees what was there when it was made.
type cursor struct {
	kind byte
	rows *pebble.Iterator
	more bool
}

// cursor reads from a number on.
func (j *journal) cursor(kind byte, from uint64) (c *cursor, err error) {
	defer func() { err = journalError(err, recover()) }()
	rows, err := j.db.NewIter(&pebble.IterOptions{LowerBound: journalKey(kind, from), UpperBound: []byte{kind + 1}})
	if err != nil {
		return nil, err
	}
	return &cursor{kind, rows, rows.First()}, nil
}

// load reads an entry's value; ok is false if it has none. Places only go up.
func (c *cursor) load(at entry.Place, v any) (ok bool, err error) {
	defer func() { err = journalError(err, recover()) }()
	key := journalKey(c.kind, uint64(at))
	for c.more && bytes.Compare(c.rows.Key(), key) < 0 {
		c.more = c.rows.Next()
	}
	if !c.more || !bytes.Equal(c.rows.Key(), key) {
		return false, c.rows.Error()
	}
	return true, c.value(v)
}

// next reads the next value and its number, and steps on; ok is false behind the last.
func (c *cursor) next(v any) (number uint64, ok bool, err error) {
	defer func() { err = journalError(err, recover()) }()
	if !c.more {
		return 0, false, c.rows.Error()
	}
	key := c.rows.Key()
	if len(key) != 9 {
		return 0, false, target.NewError(target.CodeJournalLost, "", fmt.Sprintf("journal key %q", key), nil)
	}
	number = binary.BigEndian.Uint64(key[1:])
	if err := c.value(v); err != nil {
		return 0, false, err
	}
	c.more = c.rows.Next()
	return number, true, nil
}

func (c *cursor) value(v any) error {
	value, err := c.rows.ValueAndErr()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(value, v); err != nil {
		return target.NewError(target.CodeJournalLost, "", fmt.Sprintf("journal key %q: %v", c.rows.Key(), err), err)
	}
	return nil
}

func (c *cursor) close() (err error) {
	defer func() { err = journalError(err, recover()) }()
	return c.rows.Close()
}

// count counts the keys of a kind.
func (j *journal) count(kind byte) (n uint64, err error) {
	rows, err := j.cursor(kind, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	for {
		var any json.RawMessage
		if _, ok, err := rows.next(&any); err != nil || !ok {
			return n, err
		}
		n++
	}
}

// past is what earlier starts have left about the entries.
type past struct{ outcomes, uploads *cursor }

func (j *journal) past(from entry.Place) (p past, err error) {
	if p.outcomes, err = j.cursor('o', uint64(from)); err != nil {
		return p, err
	}
	if p.uploads, err = j.cursor('u', uint64(from)); err != nil {
		return p, errors.Join(err, p.outcomes.close())
	}
	return p, nil
}

func (p past) close() error { return errors.Join(p.outcomes.close(), p.uploads.close()) }
