package status

import (
	"math"
	"testing"
	"time"
)

// TestTimeLeft: the slower of bytes and entries decides, and nothing is made up.
func TestTimeLeft(t *testing.T) {
	for _, c := range []struct {
		bytes, entries      int64
		byteRate, entryRate float64
		want                time.Duration
	}{
		{0, 0, 0, 0, 0},
		{100, 10, 10, 10, 10 * time.Second},
		{100, 1000, 10, 10, 100 * time.Second},
		{100, 10, 10, 0, 10 * time.Second}, // one large file is on its way
		{100, 10, 0, 10, 0},                // bytes are left, and none comes
		{0, 10, 0, 5, 2 * time.Second},
		{-5, -5, 10, 10, 0},
		{15, 0, 10, 0, 2 * time.Second},
		{math.MaxInt64, 1, 1e-9, 1, 1000 * 24 * time.Hour},
	} {
		if got := TimeLeft(c.bytes, c.entries, c.byteRate, c.entryRate); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
