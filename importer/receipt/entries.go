package receipt

import (
	"errors"
	"io"

	"github.com/sledge-io/sledge/manifest"
)

// Each parses a list, puts continuation records back into their entries and
// calls f for every entry with its first line; n lines have been read by then.
func Each(list io.Reader, f func(line Line, r *manifest.Record, n uint64) error) (lines uint64, err error) {
	var joiner manifest.Joiner
	var first Line
	for t, err := range Read(list) {
		if err != nil {
			return lines, err
		}
		if !joiner.Pending() {
			first = t.Line
		}
		r, err := joiner.Add(t.Record)
		if err != nil {
			return lines, AtLine(t.Number, err)
		}
		if lines = t.Number; r == nil {
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
