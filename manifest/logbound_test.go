package manifest

import (
	"errors"
	"iter"
	"strings"
	"testing"
)

// askedFiles counts what a reader asks for, and ends the test of one that never stops.
type askedFiles struct {
	t     *testing.T
	all   bool // every file is there, and none is right
	asked int
}

const maxAsked = 100_000

func (f *askedFiles) LogCopies(name string, size, max int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if f.asked++; f.asked > maxAsked {
			f.t.Fatalf("over %d files asked for, at last %s", maxAsked, name)
		}
		switch {
		case !f.all:
		case strings.Contains(name, "/entries/"):
			yield(make([]byte, 2*tileWidth)) // empty entries
		default:
			yield(make([]byte, size))
		}
	}
}

// TestHugeLog: a signed size costs what the disks hold, not what it says.
func TestHugeLog(t *testing.T) {
	for _, size := range []uint64{1 << 26, 1_000_000_000_000, 1<<40 - 1} {
		for _, all := range []bool{false, true} {
			if all && size == 1<<26 {
				continue // so many files may be looked at
			}
			f := &askedFiles{t: t, all: all}
			if _, err := OpenLog(Checkpoint{Size: size}, f); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%d entries, all there %v: %v", size, all, err)
			}
		}
	}
}
