package audit

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// claim is what the list says about one object.
type claim struct {
	line receipt.Line
	want content.Expected  // from the record alone
	word *content.Expected // what the importer says of an object that he cut anew; nil: cut as the record has it
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
	case line.Size == nil || *line.Size != want.Size:
		return claim{}, errors.New("another size than its record's")
	case line.PartsBy == entry.ByImporter && (r.Kind == manifest.KindFile || r.Kind == manifest.KindHardlink):
		c.word, err = want.Recut(line.SHA256)
	case !isSum(want, line.SHA256):
		err = errors.New("another sha256 than its record's")
	}
	return c, err
}

// judge compares a store's answer. An object that the importer cut anew must be
// what he says, and is proven only by what the record says of the whole.
func (c *claim) judge(o target.Object) (content.Verdict, entry.Proof) {
	if c.word == nil {
		return c.want.Compare(o, c.line.Outcome == entry.OutcomeStored)
	}
	if v, _ := c.word.Compare(o, c.line.Outcome == entry.OutcomeStored); v == content.Different {
		return content.Different, entry.ProofNone
	}
	return c.want.CompareWhole(o)
}

// expectedOf is what the object of a record must be. It is derived here and not
// taken from the plan: what verifies shares no code with what decided.
func expectedOf(r *manifest.Record) (content.Expected, error) {
	switch r.Kind {
	case manifest.KindDir:
		return expectedOfContent(nil), nil
	case manifest.KindSymlink:
		return expectedOfContent([]byte(r.Target)), nil
	case manifest.KindFile, manifest.KindHardlink:
		return expectedOfFile(r)
	}
	return content.Expected{}, fmt.Errorf("%v is said to be an object", r.Kind)
}

func expectedOfContent(source []byte) content.Expected {
	sum := crypto.SumSHA256(source)
	parts := [][32]byte{sum}
	return content.Expected{Size: int64(len(source)), Parts: parts, SHA256: &sum, Composite: content.Composite(parts)}
}

func expectedOfFile(r *manifest.Record) (content.Expected, error) {
	x := content.Expected{Size: r.Size, PartSize: r.PartSize}
	if len(r.SHA256) == 32 {
		x.SHA256 = (*[32]byte)(r.SHA256)
	}
	if r.HasCRC {
		x.CRC = target.Encode64(content.CRCBytes(r.CRC))
	}
	for _, sum := range r.Parts {
		if len(sum) != 32 {
			return content.Expected{}, fmt.Errorf("a part's digest of %d bytes", len(sum))
		}
		x.Parts = append(x.Parts, [32]byte(sum))
	}
	if r.PartSize == 0 {
		if x.SHA256 == nil {
			return content.Expected{}, errors.New("a record without a digest")
		}
		x.Parts = [][32]byte{*x.SHA256}
	}
	if len(x.Parts) == 0 {
		return content.Expected{}, errors.New("a record without parts")
	}
	x.Composite = content.Composite(x.Parts)
	return x, nil
}

// isSum tells whether a SHA-256 is the record's: of the whole, or the composite of its parts.
func isSum(x content.Expected, sum string) bool {
	return sum == x.Composite || x.SHA256 != nil && sum == target.Encode64(x.SHA256[:])
}

// CountObjects counts the objects that a list says are in the store.
func CountObjects(list io.Reader) (n uint64, err error) {
	_, err = eachClaim(list, func(claim, *target.Error) error { n++; return nil })
	return n, err
}
