package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/internal/testlimit"
)

// extentItem is an extent as nobody but a hostile device writes it.
func extentItem(offset, length, pack, packOffset uint64) []byte {
	w := fields.NewWriter(nil)
	w.Uint(2, true, offset)
	w.Uint(3, true, length)
	w.Uint(4, true, pack)
	w.Uint(5, true, packOffset)
	return w.Bytes()
}

// listed is a file's record with a list that holds these items.
func listed(size uint64, field int, items ...[]byte) []byte {
	l := fields.NewWriter(nil)
	l.Uint(1, true, uint64(len(items)))
	l.List(3, false, items)
	return recordOf(size, field, l.Bytes())
}

// announced is a record of a list of n items that follow.
func announced(field int, n uint64, root [32]byte) []byte {
	l := fields.NewWriter(nil)
	l.Uint(1, true, n)
	l.Blob(2, false, root[:])
	return recordOf(0, field, l.Bytes())
}

func recordOf(size uint64, field int, list []byte) []byte {
	w := fields.NewWriter(nil)
	w.Uint(1, true, uint64(KindFile))
	w.Text(2, true, "f")
	w.Uint(3, true, size)
	w.Blob(11, false, digestOf(1))
	w.Blob(field, field == fieldExtents, list)
	return w.Bytes()
}

func continuationOf(number, field, first uint64, items ...[]byte) []byte {
	w := fields.NewWriter(nil)
	w.Uint(1, true, uint64(KindContinuation))
	w.Text(2, true, "f")
	w.Uint(24, true, number)
	w.Uint(25, true, field)
	w.Uint(26, true, first)
	w.List(27, true, items)
	return w.Bytes()
}

// TestExtentBounds: no extent is taken that a pack cannot have, wherever it stands; a
// reader computes with what the decoder gives.
func TestExtentBounds(t *testing.T) {
	body := uint64(MaxBody)
	for _, c := range []struct {
		length, pack, at uint64
		ok               bool
	}{
		{10, 0, 0, true},
		{10, 0, body - 10, true},
		{10, 0, body - 9, false},
		{10, 0, body + 1, false},
		{10, 0, math.MaxInt64 - 5, false},
		{10, 0, math.MaxInt64, false},
		{body + 1, 0, 0, false},
		{math.MaxInt64, 0, 1, false},
		{0, 0, 5, false},
	} {
		item := extentItem(0, c.length, c.pack, c.at)
		for name, err := range map[string]error{
			"whole":        second(DecodeRecord(listed(c.length, fieldExtents, item))),
			"peek":         second(PeekHead(listed(c.length, fieldExtents, item))),
			"continuation": second(PeekHead(continuationOf(1, fieldExtents, 0, item))),
		} {
			if c.length > UnitSize && name == "whole" {
				continue // it lacks its parts
			}
			if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %d bytes at %d: %v", name, c.length, c.at, err)
			}
		}
	}
	if _, err := PeekHead(continuationOf(1, fieldExtents, 0, extentItem(math.MaxInt64, 10, 0, 0))); !errors.Is(err, ErrCorrupt) {
		t.Errorf("beyond the content: %v", err)
	}
}

// attributesOf are the items of n attributes whose values have so many bytes.
func attributesOf(n, value int) (items [][]byte) {
	for i := range n {
		items = append(items, append(fields.AppendItem(nil, fmt.Appendf(nil, "user.%06d", i)), make([]byte, value)...))
	}
	return items
}

// TestAttributeBytes: the attributes of one entry have a limit in bytes, which a reader
// keeps before it has the rest, and a writer, too.
func TestAttributeBytes(t *testing.T) {
	const value = 50_000
	items := attributesOf(200, value)
	end := testlimit.Alloc(t, 16*MaxXattrs)
	var j Joiner
	_, err := j.Add(announced(fieldXattrs, uint64(len(items)), RootOver(items)))
	must(t, err)
	took := 0
	for i, it := range items {
		if _, err = j.Add(continuationOf(uint64(i+1), fieldXattrs, uint64(i), it)); err != nil {
			break
		}
		took += len(it)
	}
	end()
	if !errors.Is(err, ErrCorrupt) || took > MaxXattrs {
		t.Errorf("took %d bytes: %v", took, err)
	}
	big := Record{Kind: KindDir, Path: "d"}
	for i := range 21 {
		big.Xattrs = append(big.Xattrs, Xattr{Name: fmt.Sprintf("user.%06d", i), Value: make([]byte, value)})
	}
	if _, err := big.Encode(); err == nil {
		t.Error("a writer writes what no reader takes")
	}
	big.Xattrs = big.Xattrs[:20]
	big.Xattrs = append(big.Xattrs, Xattr{Name: "user.rest", Value: make([]byte, MaxXattrs-20*XattrSize(11, value)-XattrSize(9, 0))})
	r, err := join(encode(t, &big))
	if err != nil || len(r.Xattrs) != 21 {
		t.Errorf("at the limit: %v", err)
	}
}

// TestListBounds: what a record announces is refused where no entry can need it.
func TestListBounds(t *testing.T) {
	for field, most := range map[int]uint64{fieldParts: MaxParts, fieldCRCs: MaxListItems, fieldExtents: MaxListItems, fieldXattrs: MaxXattrs / 2} {
		for n, ok := range map[uint64]bool{most: true, most + 1: false} {
			var j Joiner
			if _, err := j.Add(announced(field, n, [32]byte{1})); (err == nil) != ok {
				t.Errorf("field %d, %d items: %v", field, n, err)
			}
		}
	}
	for n, ok := range map[uint64]bool{4096: true, 4097: false} {
		if _, err := PeekHead(continuationOf(n, fieldCRCs, 0, make([]byte, 8))); (err == nil) != ok {
			t.Errorf("continuation %d: %v", n, err)
		}
		if _, _, _, err := PeekRecord(continuationOf(n, fieldCRCs, 0, make([]byte, 8))); (err == nil) != ok {
			t.Errorf("continuation %d, peeked at: %v", n, err)
		}
	}
	// A list of the longest extents that there can be fits into the continuations.
	item := extentItem(math.MaxInt64-1<<40, 1<<39, math.MaxInt64, 1<<39)
	if per := maxContData / (len(item) + 3); MaxListItems/per+MaxListItems/(maxContData/11)+MaxParts*35/maxContData+2*MaxXattrs/maxContData+4 > maxContinuations {
		t.Errorf("%d items of %d bytes do not fit into %d continuation records", MaxListItems, len(item), maxContinuations)
	}
}

// TestItemsAreNotKept: of items that wait for the rest of their list, only what they mean
// is kept, so that padding cannot fill the memory.
func TestItemsAreNotKept(t *testing.T) {
	padded := fields.NewWriter(nil)
	padded.Uint(2, true, 1)
	padded.Uint(3, true, 1)
	padded.Uint(5, true, 1)
	padded.Blob(9, false, bytes.Repeat([]byte{1}, 50_000)) // a field that nobody knows
	var j Joiner
	_, err := j.Add(announced(fieldExtents, 1000, [32]byte{1}))
	must(t, err)
	for i := range 20 {
		_, err := j.Add(continuationOf(uint64(i+1), fieldExtents, uint64(i), padded.Bytes()))
		must(t, err)
	}
	kept := 0
	for _, e := range j.r.Extents {
		kept += int(e.Length)
	}
	if kept != 20 || strings.Contains(fmt.Sprint(j.r.pending), "1 1 1 1 1 1") {
		t.Errorf("%d extents, or the items with them", kept)
	}
}
