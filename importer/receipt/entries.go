package receipt

import (
	"errors"
	"fmt"
	"io"

	"github.com/sledge-io/sledge/manifest"
)

// Each parses a list, puts continuation records back into their entries and
// calls f for every entry with its first line; n lines have been read by then.
func Each(list io.Reader, f func(line Line, r *manifest.Record, n uint64) error) (lines uint64, err error) {
	in := NewLines(list)
	var joiner manifest.Joiner
	var first Line
	for {
		text, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return lines, AtLine(lines, err)
		}
		line, err := ParseLine(text)
		if err != nil {
			return lines, AtLine(lines, err)
		}
		if !joiner.Pending() {
			first = line
		}
		r, err := joiner.Add(line.Record)
		if err != nil {
			return lines, AtLine(lines, err)
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

// AtLine places an error of a list: before is how many of its lines hold.
func AtLine(before uint64, err error) error {
	return fmt.Errorf("objects.list: line %d: %w", before+1, err)
}
