package importreport

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Limits of objects.list, and of what is kept of it.
const (
	MaxBad     = 1000 // objects that failed, by name
	maxLargest = 10
	maxObject  = 1 << 53 // bytes; more than any store takes
	maxCodes   = 256     // different ones
)

// Entry is one entry of objects.list. Path is the exact one of its record, and so is
// the loader's remark.
type Entry struct {
	receipt.Line
	Path                 string
	Remark, RemarkDetail string
}

// object is what a report keeps of it.
func (e *Entry) object() Object {
	o := Object{Key: e.Key, Path: e.Path, Size: e.Size, Outcome: e.Outcome, Code: e.Error, Cause: e.Detail, Remark: e.Remark, RemarkDetail: e.RemarkDetail}
	if info, ok := infoOf(e.Error); ok {
		o.Remedy = info.Remedy
		if o.Cause == "" {
			o.Cause = info.Meaning
		}
	}
	return o
}

// Entries reads an objects.list and calls f for every entry, in the manifest's
// order; the lines of continuation records are left out.
func Entries(ctx context.Context, list io.Reader, f func(*Entry) error) error {
	return lines(ctx, list, func(_ *receipt.Text, e *Entry) error {
		if e == nil {
			return nil
		}
		return f(e)
	})
}

// lines calls f for every line, which f may not keep, and the entry that it begins, nil for a
// continuation record.
func lines(ctx context.Context, list io.Reader, f func(t *receipt.Text, e *Entry) error) error {
	for t, err := range receipt.Read(list) {
		if err != nil {
			return err
		}
		if t.Number%1024 == 1 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := begun(t.Line)
		if err == nil {
			err = f(t, e)
		}
		if err != nil {
			return receipt.AtLine(t.Number, err)
		}
	}
	return nil
}

// begun is the entry that a line begins.
func begun(line receipt.Line) (*Entry, error) {
	if line.Size != nil && *line.Size > maxObject {
		return nil, fmt.Errorf("size %d", *line.Size)
	}
	_, path, continuation, err := manifest.PeekRecord(line.Record)
	if err != nil || continuation != 0 {
		return nil, err
	}
	e := &Entry{Line: line, Path: path}
	e.Remark, e.RemarkDetail, err = manifest.PeekRemark(line.Record)
	return e, err
}

// tally is what one pass over a list comes to.
type tally struct {
	sum     Sum
	counts  counts
	lines   map[entry.Outcome]uint64 // continuation records, too
	records uint64
	tree    manifest.Tree
	sizes   sizes
	largest []Object
	bad     []Object
	older   []Object
}

func newTally() *tally {
	return &tally{sum: newSum(), lines: map[entry.Outcome]uint64{},
		counts: counts{map[entry.Outcome]uint64{}, map[entry.Outcome]int64{}, map[entry.Outcome]map[target.Code]uint64{}}}
}

// read takes a whole list in.
func (t *tally) read(ctx context.Context, list io.Reader) error {
	return lines(ctx, list, func(line *receipt.Text, e *Entry) error {
		t.records++
		t.tree.Add(line.Leaf())
		if e == nil {
			t.lines[entry.OutcomeNoObject]++
			return nil
		}
		t.lines[e.Outcome]++
		return t.add(e)
	})
}

func (t *tally) add(e *Entry) error {
	t.sum.Entries++
	t.sum.Outcomes[e.Outcome]++
	t.counts.outcomes[e.Outcome]++
	if e.Remark != "" {
		if t.sum.Remarks++; len(t.older) < MaxBad {
			t.older = append(t.older, e.object())
		}
	}
	if e.Error != "" {
		if err := t.addCode(e); err != nil {
			return err
		}
	}
	if e.Outcome == entry.OutcomeFailed || e.Outcome == entry.OutcomeConflict {
		if len(t.bad) < MaxBad {
			t.bad = append(t.bad, e.object())
		}
		if e.Size != nil {
			t.counts.bytes[e.Outcome] += *e.Size
		}
	}
	if e.Outcome != entry.OutcomeStored && e.Outcome != entry.OutcomeAlreadyThere || e.Size == nil {
		return nil
	}
	t.sum.Objects++
	t.sum.Proofs[e.Proof]++
	t.sum.Bytes += *e.Size
	t.counts.bytes[e.Outcome] += *e.Size
	t.sizes.add(*e.Size)
	t.keepLargest(e)
	if t.sum.Bytes < 0 || len(t.sum.Proofs) > maxCodes {
		return fmt.Errorf("the sizes are out of range, or there are over %d proofs", maxCodes)
	}
	return nil
}

func (t *tally) addCode(e *Entry) error {
	codes := t.counts.codes[e.Outcome]
	if codes == nil {
		codes = map[target.Code]uint64{}
		t.counts.codes[e.Outcome] = codes
	}
	if codes[e.Error]++; len(codes) > maxCodes {
		return fmt.Errorf("over %d different codes", maxCodes)
	}
	return nil
}

func (t *tally) keepLargest(e *Entry) {
	if len(t.largest) == maxLargest && *t.largest[maxLargest-1].Size >= *e.Size {
		return
	}
	t.largest = append(t.largest, e.object())
	slices.SortStableFunc(t.largest, func(a, b Object) int { return cmp.Compare(*b.Size, *a.Size) })
	t.largest = t.largest[:min(len(t.largest), maxLargest)]
}
