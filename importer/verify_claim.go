package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// claim is what the list says about one object.
type claim struct {
	line Line
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
	return eachEntry(list, func(line Line, r *manifest.Record, n uint64) error {
		if !line.inStore() {
			return nil
		}
		return give(line, r, n, f)
	})
}

// eachEntry parses a list, puts continuation records back into their entries and
// calls f for every entry with its first line; n lines have been read by then.
func eachEntry(list io.Reader, f func(line Line, r *manifest.Record, n uint64) error) (lines uint64, err error) {
	in := NewLines(list)
	var joiner manifest.Joiner
	var first Line
	for {
		text, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return lines, lineError(lines, err)
		}
		line, err := ParseLine(text)
		if err != nil {
			return lines, lineError(lines, err)
		}
		if !joiner.Pending() {
			first = line
		}
		r, err := joiner.Add(line.Record)
		if err != nil {
			return lines, lineError(lines, err)
		}
		lines++
		if r == nil {
			continue
		}
		if err := f(first, r, lines); err != nil {
			return lines, err
		}
	}
	if joiner.Pending() {
		return lines, errors.New("objects.list: ends inside an entry")
	}
	return lines, nil
}

func lineError(before uint64, err error) error {
	return fmt.Errorf("objects.list: line %d: %w", before+1, err)
}

// inStore tells whether the list says that an object stands in the store.
func (l *Line) inStore() bool {
	return l.Outcome == entry.OutcomeStored || l.Outcome == entry.OutcomeAlreadyThere
}

func give(line Line, r *manifest.Record, n uint64, f func(claim, *target.Error) error) error {
	c, err := newClaim(line, r)
	if err != nil {
		return f(claim{}, target.NewError(target.CodeStoredWrong, r.Path, fmt.Sprintf("line %d: %v", n, err), nil))
	}
	return f(c, nil)
}

// lineNames are the names of a line.
var lineNames = manifest.NamesOf(Line{})

// ParseLine reads one line of objects.list, its newline included.
func ParseLine(text []byte) (Line, error) {
	var line Line
	salt, rest, ok := bytes.Cut(text, []byte(" "))
	if !ok || !bytes.HasSuffix(rest, []byte("\n")) {
		return line, errors.New("is not a salt and an object")
	}
	if _, err := parseSalt(salt); err != nil {
		return line, err
	}
	if err := lineNames.Decode(rest, &line); err != nil {
		return line, err
	}
	return line, line.check()
}

// newClaim derives what the object must be from the record, and compares the
// list's own words with it.
func newClaim(line Line, r *manifest.Record) (claim, error) {
	want, err := expectedOf(r)
	if err != nil {
		return claim{}, err
	}
	c := claim{line: line, want: want}
	switch {
	case line.Size == nil || *line.Size != want.Size:
		return claim{}, errors.New("another size than its record's")
	case line.PartsBy == plan.ByImporter && (r.Kind == manifest.KindFile || r.Kind == manifest.KindHardlink):
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
