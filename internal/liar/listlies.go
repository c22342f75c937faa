package liar

import (
	"fmt"
	"math"
	"slices"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// listLies are records that no reader may take for what they say: each is of the last
// file, whose path stays.
func listLies() []Lie {
	record := func(name string, lie func(r *rewritten) ([][]byte, error)) Lie {
		return Lie{"record: " + name, Private, func(d *Device) error {
			page := &d.Pages[len(d.Pages)-1]
			last := len(page.Records) - 1
			r, err := readRecord(page.Records[last])
			if err != nil {
				return err
			}
			told, err := lie(r)
			if err != nil {
				return err
			}
			page.Records = slices.Concat(page.Records[:last], told[:1])
			d.Totals.Records += uint64(len(told) - 1)
			for rest := range slices.Chunk(told[1:], 10) { // a page has room for no more of the long ones
				d.Pages = append(d.Pages, Page{Records: rest})
			}
			return nil
		}, nil}
	}
	extent := func(name string, length, at uint64) Lie {
		return record(name, func(r *rewritten) ([][]byte, error) {
			w := fields.NewWriter(nil)
			w.Uint(3, true, length)
			w.Uint(5, true, at)
			return [][]byte{r.with(extentsField, inline(w.Bytes()))}, nil
		})
	}
	return []Lie{
		extent("an extent at the end of all numbers", 7, math.MaxInt64-3),
		extent("an extent beyond any pack", 7, uint64(manifest.MaxBody)-6),
		extent("an extent longer than any pack", uint64(manifest.MaxBody)+1, 0),
		extent("an extent without a length", 0, 0),
		record("attributes without a limit", func(r *rewritten) ([][]byte, error) {
			const each = 50_000
			var items [][]byte
			for i := range manifest.MaxXattrs/each + 2 {
				items = append(items, append(fields.AppendItem(nil, fmt.Appendf(nil, "user.%04d", i)), make([]byte, each)...))
			}
			return r.continued(attributesField, items), nil
		}),
		record("more part digests than an object has parts", func(r *rewritten) ([][]byte, error) {
			l := fields.NewWriter(nil)
			l.Uint(1, true, manifest.MaxParts+1)
			l.Blob(2, false, make([]byte, 32))
			return [][]byte{r.with(partsField, l.Bytes())}, nil
		}),
	}
}

const (
	partsField      = 15
	extentsField    = 17
	attributesField = 18
)

// rewritten is a record of which one field is told anew.
type rewritten struct {
	raw  []byte
	path string
}

func readRecord(raw []byte) (*rewritten, error) {
	_, path, _, err := manifest.PeekRecord(raw)
	return &rewritten{raw, path}, err
}

// with gives the record with another value of a field.
func (r *rewritten) with(number int, value []byte) []byte {
	in, w := fields.NewReader(r.raw), fields.NewWriter(nil)
	put := func() { w.Blob(number, number == extentsField, value); number = math.MaxInt }
	for {
		f, ok, err := in.Next()
		if err != nil || !ok {
			if number != math.MaxInt {
				put()
			}
			return w.Bytes()
		}
		if f.Number >= number {
			was := number
			if put(); f.Number == was {
				continue
			}
		}
		w.Blob(f.Number, f.Critical, f.Value)
	}
}

// inline is a list that holds its items.
func inline(items ...[]byte) []byte {
	w := fields.NewWriter(nil)
	w.Uint(1, true, uint64(len(items)))
	w.List(3, false, items)
	return w.Bytes()
}

// continued gives the record and one continuation record for each item.
func (r *rewritten) continued(number int, items [][]byte) [][]byte {
	l := fields.NewWriter(nil)
	l.Uint(1, true, uint64(len(items)))
	root := manifest.RootOver(items)
	l.Blob(2, false, root[:])
	out := [][]byte{r.with(number, l.Bytes())}
	for i, it := range items {
		w := fields.NewWriter(nil)
		w.Uint(1, true, uint64(manifest.KindContinuation))
		w.Text(2, true, r.path)
		w.Uint(24, true, uint64(i+1))
		w.Uint(25, true, uint64(number))
		w.Uint(26, true, uint64(i))
		w.List(27, true, [][]byte{it})
		out = append(out, w.Bytes())
	}
	return out
}
