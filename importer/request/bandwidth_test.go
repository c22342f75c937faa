package request

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/target"
)

func TestTimetable(t *testing.T) {
	// 2026-03-01 is a Sunday.
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, time.Local) }
	tests := []struct {
		text string
		when time.Time
		want int64
	}{
		{"10M", at(1, 0, 0), 10 << 20},
		{"1.5M", at(1, 0, 0), 3 << 19},
		{"512", at(1, 0, 0), 512 << 10},
		{"2048B", at(1, 0, 0), 2048},
		{"08:00,10M 19:00,off", at(1, 12, 0), 10 << 20},
		{"08:00,10M 19:00,off", at(1, 19, 0), 0},
		{"08:00,10M 19:00,off", at(2, 7, 59), 0}, // since the evening before
		{"Mon-00:00,1M Sat-00:00,2M", at(1, 12, 0), 2 << 20},
		{"Mon-00:00,1M Sat-00:00,2M", at(6, 12, 0), 1 << 20},
		{"Mon-00:00,1M 12:00,3M", at(2, 12, 0), 3 << 20},
	}
	for _, test := range tests {
		table, err := ParseTimetable(test.text)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		} else if got := table.At(test.when); got != test.want {
			t.Errorf("%q at %v: %d, want %d", test.text, test.when, got, test.want)
		}
	}
	for _, none := range []string{"", "off", "0"} {
		if table, err := ParseTimetable(none); err != nil || table != nil {
			t.Errorf("%q: %v, %v", none, table, err)
		}
	}
	for _, bad := range []string{"fast", "-1", "10M 20M", "25:00,1M", "08:00", "08:00,1M x", "Foo-08:00,1M", "1B", "1e30T", strings.Repeat("08:00,1M ", 200)} {
		if table, err := ParseTimetable(bad); err == nil {
			t.Errorf("%q gives %v", bad, table)
		}
	}
}

func TestParseHours(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 1, hour, minute, 0, 0, time.Local) }
	night, err := ParseHours("19:00-07:00, 12:00-13:00")
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[time.Time]bool{at(19, 0): true, at(23, 59): true, at(6, 59): true, at(7, 0): false, at(12, 30): true, at(13, 0): false, at(15, 0): false} {
		if night.Open(when) != want {
			t.Errorf("%v: open %v", when, !want)
		}
	}
	for _, bad := range []string{"19:00", "19:00-19:00", "a-b", "19-20"} {
		if h, err := ParseHours(bad); err == nil {
			t.Errorf("%q gives %v", bad, h)
		}
	}
}

// TestPaced: a body goes out no faster than the timetable, and ends with its call.
func TestPaced(t *testing.T) {
	table, _ := ParseTimetable("1M")
	p := newPacer(table, time.Now)
	began := time.Now()
	n, err := io.Copy(io.Discard, content.NewBody(strings.NewReader(strings.Repeat("x", 320<<10)), 0, 320<<10).Paced(p.Of(t.Context())))
	if err != nil || n != 320<<10 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if took := time.Since(began); took < 240*time.Millisecond {
		t.Errorf("320 KiB at 1 MiB/s took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := io.Copy(io.Discard, content.NewBody(strings.NewReader("x"), 0, 1).Paced(p.Of(ctx))); err == nil {
		t.Error("a body outlives its call")
	}
}

// TestLimitsByPrefix: "slow down" is about its prefix until another hears it, too.
func TestLimitsByPrefix(t *testing.T) {
	l := newLimits(32, 0, 0, "in/")
	l.all.set(32)
	slow := target.NewError(target.CodeThrottled, "", "", nil)
	call := func(key string, err error) {
		release, acquireErr := l.acquire(t.Context(), Call{Key: key})
		if acquireErr != nil {
			t.Fatal(acquireErr)
		}
		release(err, sample{})
	}
	call("in/a/b/c", slow)
	call("in/a/b/d", slow)
	if l.current() != 32 || l.of("a/b").current() != 8 || l.of("x/y").current() != 32 {
		t.Errorf("after one prefix: all %d, it %d, another %d", l.current(), l.of("a/b").current(), l.of("x/y").current())
	}
	call("in/x/y/z", slow)
	if l.current() != 16 {
		t.Errorf("after two prefixes: all %d", l.current())
	}
	for key, want := range map[string]string{"in/f": "", "in/a/f": "a", "in/a/b/f": "a/b", "in/a/b/c/f": "a/b", "other": ""} {
		if got := l.prefixOf(key); got != want {
			t.Errorf("prefix of %s: %q, want %q", key, got, want)
		}
	}
	for i := range 3 * somePrefixes { // their number is bounded
		call("in/"+string(rune('a'+i%26))+strings.Repeat("p", i)+"/f", nil)
	}
	if n := len(l.some); n > somePrefixes {
		t.Errorf("%d limiters", n)
	}
}
