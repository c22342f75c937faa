package importer

import (
	"encoding/json"

	"github.com/sledge-io/sledge/importer/entry"
	pages "github.com/sledge-io/sledge/importer/journal"
)

// cursor reads the journal's values of one kind in the order of their entries: a
// step for each, where load would search. Of a page of the manifest it sees what is there when it
// comes to it.
type cursor struct {
	journal *journal
	kind    pages.Kind
	rows    *pages.Cursor
}

// cursor reads from a number on.
func (j *journal) cursor(kind pages.Kind, from uint64) *cursor {
	return &cursor{j, kind, j.values.Cursor(kind, from)}
}

// load reads an entry's value; ok is false if it has none. Places only go up.
func (c *cursor) load(at entry.Place, v any) (ok bool, err error) {
	value, ok, err := c.rows.Find(uint64(at))
	if err != nil || !ok {
		return false, c.journal.failure(err)
	}
	return true, decodeValue(journalKey(c.kind, uint64(at)), value, v)
}

// next reads the next value and its number, and steps on; ok is false behind the last.
func (c *cursor) next(v any) (number uint64, ok bool, err error) {
	number, value, ok, err := c.rows.Next()
	if err != nil || !ok {
		return 0, false, c.journal.failure(err)
	}
	return number, true, decodeValue(journalKey(c.kind, number), value, v)
}

// count counts the keys of a kind.
func (j *journal) count(kind pages.Kind) (n uint64, err error) {
	for rows := j.cursor(kind, 0); ; n++ {
		var any json.RawMessage
		if _, ok, err := rows.next(&any); err != nil || !ok {
			return n, err
		}
	}
}

// past is what earlier starts have left about the entries.
type past struct{ outcomes, uploads *cursor }

func (j *journal) past(from entry.Place) past {
	return past{j.cursor('o', uint64(from)), j.cursor('u', uint64(from))}
}
