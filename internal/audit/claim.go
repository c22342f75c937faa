package audit

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// claim is what the list says about one object.
type claim struct {
	line receipt.Line
	want expected  // from the record alone
	word *expected // what the importer says of an object that he cut anew; nil: cut as the record has it
}

// ErrPrefix: the list has keys that do not lie below the prefix that was asked for, so
// what is found of them says nothing about it.
var ErrPrefix = errors.New("the receipts name objects outside of the prefix")

func (c *claim) below(prefix string) error {
	if strings.HasPrefix(c.line.Key, prefix) {
		return nil
	}
	return fmt.Errorf("objects.list: %q: %w %q", c.line.Key, ErrPrefix, prefix)
}

// eachClaim calls f for every object that a list says is in the store; bad says
// why its line does not fit its own record.
func eachClaim(list io.Reader, f func(c claim, bad *target.Error) error) (lines uint64, err error) {
	return receipt.Each(list, func(line receipt.Line, r *manifest.Record, n uint64) error {
		if !line.InStore() {
			return nil
		}
		return give(line, r, n, f)
	})
}

func give(line receipt.Line, r *manifest.Record, n uint64, f func(claim, *target.Error) error) error {
	c, err := newClaim(line, r)
	if err != nil {
		return f(claim{}, target.NewError(target.CodeStoredWrong, r.Path, fmt.Sprintf("line %d: %v", n, err), nil))
	}
	return f(c, nil)
}

// newClaim derives what the object must be from the record, and compares the
// list's own words with it.
func newClaim(line receipt.Line, r *manifest.Record) (claim, error) {
	want, err := expectedOf(r)
	if err != nil {
		return claim{}, err
	}
	c := claim{line: line, want: want}
	switch {
	case line.Size == nil || *line.Size != want.size:
		return claim{}, errors.New("another size than its record's")
	case line.PartsBy == entry.ByImporter && (r.Kind == manifest.KindFile || r.Kind == manifest.KindHardlink):
		c.word, err = want.recut(line.SHA256)
	case !want.named(line.SHA256):
		err = errors.New("another sha256 than its record's")
	}
	return c, err
}

// judge compares a store's answer. An object that the importer cut anew must be
// what he says, and is proven only by what the record says of the whole.
func (c *claim) judge(o target.Object) (proof entry.Proof, differs bool) {
	cut := c.line.Outcome == entry.OutcomeStored
	if c.word == nil {
		return c.want.judge(o, cut)
	}
	if _, differs := c.word.judge(o, cut); differs {
		return entry.ProofNone, true
	}
	return c.want.judgeWhole(o)
}

// CountObjects counts the objects that a list says are in the store.
func CountObjects(list io.Reader) (n uint64, err error) {
	_, err = eachClaim(list, func(claim, *target.Error) error { n++; return nil })
	return n, err
}
