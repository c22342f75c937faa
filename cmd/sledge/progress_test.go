package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/terminal"
)

// evil is a name that would take a terminal over.
const evil = "evil\x1b[2J\x1b]0;title\x07\nfake line\r\u202etxt.exe\u009b31m\x00\xff"

// drawn is what a meter writes for samples a second apart, on a terminal whose width
// changes from one to the next.
func drawn(t *testing.T, widths []int, samples ...sample) []string {
	t.Helper()
	now, width := time.Unix(1000, 0), 0
	var out strings.Builder
	m := newMeter("load", progressOut{to: &out, tty: true, now: func() time.Time { return now }, columns: func() int { return width }})
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
	var samples []sample
	for i := range int64(30) {
		samples = append(samples, sample{
			bytes: i << 30, totalBytes: 1 << 40, files: i * 1000, totalFiles: 1 << 20,
			more: "3 skipped", file: names[i%int64(len(names))], slow: "/mnt/bay7",
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
	s := sample{bytes: 1 << 30, totalBytes: 2 << 30, file: strings.Repeat("dir/", 99) + "DSC_0001.NEF", slow: "/mnt/bay7"}
	l := drawn(t, []int{80}, s)[0]
	if !strings.Contains(l, "slowest disk /mnt/bay7") || !strings.HasSuffix(l, terminal.Ellipsis+"DSC_0001.NEF") && !strings.HasSuffix(l, "/DSC_0001.NEF") {
		t.Errorf("%q", l)
	}
	if s.slow = ""; terminal.Columns(drawn(t, []int{80}, s)[0]) != 79 {
		t.Errorf("the name does not take the room that is there: %q", drawn(t, []int{80}, s)[0])
	}
	// JSON has both whole, and nothing that a terminal obeys.
	var out strings.Builder
	s.file, s.slow = evil, "bay7"
	newMeter("load", progressOut{to: &out, json: true, now: time.Now}).Tell(s)
	var line struct {
		File string `json:"file"`
		Slow string `json:"slowest_disk"`
	}
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil || line.File != terminal.Escape(evil) || line.Slow != "bay7" {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestProgressTotals: where a part is more than its total, the figures are not of one
// set, and no total, percentage or time left is told.
func TestProgressTotals(t *testing.T) {
	for _, s := range []sample{
		{bytes: 3, totalBytes: 2, files: 1, totalFiles: 9},
		{bytes: 1, totalBytes: 2, files: 10, totalFiles: 9},
	} {
		l := drawn(t, []int{80}, sample{}, s, s)[2]
		if regexp.MustCompile(` of |%|left|█`).MatchString(l) {
			t.Errorf("%q", l)
		}
	}
	l := drawn(t, []int{80}, sample{bytes: 2, totalBytes: 2, files: 9, totalFiles: 9})[0]
	if !strings.HasPrefix(l, "100% |█") || !strings.Contains(l, "2 B of 2 B (100 %), 9 of 9 entries") {
		t.Errorf("%q", l)
	}
}

// TestCrowdTotals: the sum of several devices has totals only where each knows its own.
func TestCrowdTotals(t *testing.T) {
	now := time.Unix(1000, 0)
	var out strings.Builder
	c := newProgressSum(newMeter("import", progressOut{to: &out, json: true, now: func() time.Time { now = now.Add(time.Minute); return now }}), 3)
	one, two := c.member(), c.member()
	one.Tell(sample{phase: "import", bytes: 5, totalBytes: 10, files: 1, totalFiles: 2})
	two.Tell(sample{phase: "import", bytes: 3, files: 1})
	two.Tell(sample{phase: "import", bytes: 3, totalBytes: 30, files: 7, totalFiles: 9})
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
	m := newMeter("load", progressOut{to: &text, now: func() time.Time { return now }})
	for i := range int64(11) {
		m.Tell(sample{bytes: i << 20, totalBytes: 20 << 20, files: i, totalFiles: 1000})
		now = now.Add(time.Second)
	}
	if bytes, files := m.rates(); bytes != 1<<20 || files != 1 {
		t.Errorf("rates %v, %v", bytes, files)
	}
	if eta := m.eta(sample{bytes: 10 << 20, totalBytes: 20 << 20, files: 10, totalFiles: 1000}); eta != 990*time.Second {
		t.Errorf("files decide: %v", eta)
	}
	if eta := m.eta(sample{bytes: 10 << 20, totalBytes: 20 << 20}); eta != 10*time.Second {
		t.Errorf("bytes decide: %v", eta)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 2 || lines[0] != "load: 5.0 MiB of 20.0 MiB (25 %), 5 of 1000 entries, 1.0 MiB/s, 1 entries/s, 16m35s left" {
		t.Errorf("lines %q", lines)
	}
	m.Tell(sample{}) // nothing to do at all
	m.End()
}

// TestMeterBar: a bar over nothing, over something, and done.
func TestMeterBar(t *testing.T) {
	now := time.Unix(1000, 0)
	m := newMeter("load", progressOut{to: io.Discard, tty: true, now: func() time.Time { return now }, columns: func() int { return 0 }})
	for _, s := range []sample{{}, {bytes: 1}, {bytes: 1, totalBytes: 2}, {bytes: 2, totalBytes: 2}, {bytes: 3, totalBytes: 2}, {phase: "other"}} {
		now = now.Add(time.Second)
		m.Tell(s)
	}
	m.End()
}

// TestETAOfSeveral: devices side by side end when all their bytes are there, by all
// their rates; one that has ended adds none.
func TestETAOfSeveral(t *testing.T) {
	c := newProgressSum(newMeter("import", progressOut{now: time.Now, quiet: true}), 2)
	a, b := c.member(), c.member()
	of := func(rate float64) sample {
		return sample{bytes: 10, totalBytes: 100, pace: &importer.Pace{BytesPerSecond: rate, Left: time.Hour}}
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
