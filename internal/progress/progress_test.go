package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/terminal"
)

// evil is a name that would take a terminal over.
const evil = "evil\x1b[2J\x1b]0;title\x07\nfake line\r\u202etxt.exe\u009b31m\x00\xff"

// drawn is what a meter writes for samples a second apart, on a terminal whose width
// changes from one to the next.
func drawn(t *testing.T, widths []int, samples ...Sample) []string {
	t.Helper()
	now, width := time.Unix(1000, 0), 0
	var out strings.Builder
	m := New("load", Out{To: &out, TTY: true, Now: func() time.Time { return now }, Columns: func() int { return width }})
	for i, s := range samples {
		width = widths[i%len(widths)]
		m.Tell(s)
		now = now.Add(time.Second)
	}
	m.End()
	lines := strings.Split(out.String(), "\r")[1:]
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\x1b[K")
	}
	if end := lines[len(lines)-1]; end != "" {
		t.Errorf("the line is not taken away: %q", end)
	}
	return lines[:len(lines)-1]
}

// harm finds what a terminal would obey.
func harm(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		return fmt.Sprintf("byte %d of %q", i, s)
	}
	return ""
}

// TestProgressFits: on no terminal is a line as wide as it, whatever the names; the
// width is asked for at each line; and what matters most stays.
func TestProgressFits(t *testing.T) {
	names := []string{"", "a", evil, strings.Repeat("長い名前/", 60), strings.Repeat("e\u0301", 200), strings.Repeat("dir/", 99) + "DSC_0001.NEF"}
	var samples []Sample
	for i := range int64(30) {
		samples = append(samples, Sample{
			Bytes: i << 30, TotalBytes: 1 << 40, Files: i * 1000, TotalFiles: 1 << 20,
			More: "3 skipped", File: names[i%int64(len(names))], Slow: "/mnt/bay7",
		})
	}
	var widths []int
	for w := 200; w >= fewestColumns; w -= 7 {
		widths = append(widths, w)
	}
	lines := drawn(t, widths, samples...)
	if len(lines) != len(samples) {
		t.Fatalf("%d lines", len(lines))
	}
	for i, l := range lines {
		width := widths[i%len(widths)]
		if n := terminal.Columns(l); n >= width {
			t.Errorf("%d columns of %d: %q", n, width, l)
		}
		if bad := harm(l); bad != "" {
			t.Errorf("%s", bad)
		}
		if i > 1 && width >= 60 && !(strings.Contains(l, "1.0 TiB") && strings.Contains(l, " left") && strings.Contains(l, "3 skipped")) {
			t.Errorf("at %d columns: %q", width, l)
		}
	}
}

// TestProgressNames: at 80 columns the file and the slowest disk are there; the end of
// a long name stays.
func TestProgressNames(t *testing.T) {
	s := Sample{Bytes: 1 << 30, TotalBytes: 2 << 30, File: strings.Repeat("dir/", 99) + "DSC_0001.NEF", Slow: "/mnt/bay7", SlowRate: 41 << 20}
	l := drawn(t, []int{80}, s)[0]
	if !strings.Contains(l, "slowest disk /mnt/bay7") || !strings.HasSuffix(l, terminal.Ellipsis+"DSC_0001.NEF") && !strings.HasSuffix(l, "/DSC_0001.NEF") {
		t.Errorf("%q", l)
	}
	if s.Slow = ""; terminal.Columns(drawn(t, []int{80}, s)[0]) != 79 {
		t.Errorf("the name does not take the room that is there: %q", drawn(t, []int{80}, s)[0])
	}
	if wide := drawn(t, []int{200}, Sample{Bytes: 1 << 30, Slow: "/mnt/bay7", SlowRate: 41 << 20})[0]; !strings.Contains(wide, "slowest disk /mnt/bay7, 41.0 MiB/s") {
		t.Errorf("%q", wide)
	}
	// JSON has both whole, and nothing that a terminal obeys.
	var out strings.Builder
	s.File, s.Slow = evil, "bay7"
	New("load", Out{To: &out, JSON: true, Now: time.Now}).Tell(s)
	var line struct {
		File string `json:"file"`
		Slow string `json:"slowest_disk"`
		Rate int64  `json:"slowest_disk_bytes_per_second"`
	}
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil || line.File != terminal.Escape(evil) || line.Slow != "bay7" || line.Rate != 41<<20 {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestProgressTotals: where a part is more than its total, the figures are not of one
// set, and no total, percentage or time left is told.
func TestProgressTotals(t *testing.T) {
	for _, s := range []Sample{
		{Bytes: 3, TotalBytes: 2, Files: 1, TotalFiles: 9},
		{Bytes: 1, TotalBytes: 2, Files: 10, TotalFiles: 9},
	} {
		l := drawn(t, []int{80}, Sample{}, s, s)[2]
		if regexp.MustCompile(` of |%|left|█`).MatchString(l) {
			t.Errorf("%q", l)
		}
	}
	l := drawn(t, []int{80}, Sample{Bytes: 2, TotalBytes: 2, Files: 9, TotalFiles: 9})[0]
	if !strings.HasPrefix(l, "100% |█") || !strings.Contains(l, "2 B of 2 B (100 %), 9 of 9 entries") {
		t.Errorf("%q", l)
	}
}

// TestCrowdTotals: the sum of several devices has totals only where each knows its own.
func TestCrowdTotals(t *testing.T) {
	now := time.Unix(1000, 0)
	var out strings.Builder
	c := NewSum(New("import", Out{To: &out, JSON: true, Now: func() time.Time { now = now.Add(time.Minute); return now }}), 3)
	one, two := c.Member(), c.Member()
	one.Tell(Sample{Phase: "import", Bytes: 5, TotalBytes: 10, Files: 1, TotalFiles: 2})
	two.Tell(Sample{Phase: "import", Bytes: 3, Files: 1})
	two.Tell(Sample{Phase: "import", Bytes: 3, TotalBytes: 30, Files: 7, TotalFiles: 9})
	var totals []string
	for line := range strings.Lines(out.String()) {
		var l struct {
			Bytes   int64 `json:"total_bytes"`
			Entries int64 `json:"total_entries"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		totals = append(totals, fmt.Sprintf("%d/%d", l.Bytes, l.Entries))
	}
	if got := strings.Join(totals, " "); got != "10/2 0/0 40/11" {
		t.Errorf("totals %s", got)
	}
}

// TestMeter: rates, and an ETA that takes the slower of bytes and files.
func TestMeter(t *testing.T) {
	now := time.Unix(1000, 0)
	var text strings.Builder
	m := New("load", Out{To: &text, Now: func() time.Time { return now }})
	for i := range int64(11) {
		m.Tell(Sample{Bytes: i << 20, TotalBytes: 20 << 20, Files: i, TotalFiles: 1000})
		now = now.Add(time.Second)
	}
	if bytes, files := m.rates(); bytes != 1<<20 || files != 1 {
		t.Errorf("rates %v, %v", bytes, files)
	}
	if eta := m.eta(Sample{Bytes: 10 << 20, TotalBytes: 20 << 20, Files: 10, TotalFiles: 1000}); eta != 990*time.Second {
		t.Errorf("files decide: %v", eta)
	}
	if eta := m.eta(Sample{Bytes: 10 << 20, TotalBytes: 20 << 20}); eta != 10*time.Second {
		t.Errorf("bytes decide: %v", eta)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 2 || lines[0] != "load: 5.0 MiB of 20.0 MiB (25 %), 5 of 1000 entries, 1.0 MiB/s, 1 entries/s, 16m35s left" {
		t.Errorf("lines %q", lines)
	}
	m.Tell(Sample{}) // nothing to do at all
	m.End()
}

// TestMeterBar: a bar over nothing, over something, and done.
func TestMeterBar(t *testing.T) {
	now := time.Unix(1000, 0)
	m := New("load", Out{To: io.Discard, TTY: true, Now: func() time.Time { return now }, Columns: func() int { return 0 }})
	for _, s := range []Sample{{}, {Bytes: 1}, {Bytes: 1, TotalBytes: 2}, {Bytes: 2, TotalBytes: 2}, {Bytes: 3, TotalBytes: 2}, {Phase: "other"}} {
		now = now.Add(time.Second)
		m.Tell(s)
	}
	m.End()
}

// TestETAOfSeveral: devices side by side end when all their bytes are there, by all
// their rates; one that has ended adds none.
func TestETAOfSeveral(t *testing.T) {
	c := NewSum(New("import", Out{Now: time.Now, Quiet: true}), 2)
	a, b := c.Member(), c.Member()
	of := func(rate float64) Sample {
		return Sample{Bytes: 10, TotalBytes: 100, Pace: &status.Pace{BytesPerSecond: rate, Left: time.Hour}}
	}
	a.Tell(of(10))
	b.Tell(of(8))
	if got := *c.meter.pace; got.BytesPerSecond != 18 || got.Left != 10*time.Second {
		t.Errorf("%+v", got)
	}
	a.End()
	b.Tell(of(9))
	if got := *c.meter.pace; got.BytesPerSecond != 9 || got.Left != 20*time.Second {
		t.Errorf("after one has ended: %+v", got)
	}
}
