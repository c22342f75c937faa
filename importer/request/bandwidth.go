package request

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Timetable is how many bytes of payload a second may go out, by the time of
// day, in rclone's words ("--bwlimit"): "10M", or "08:00,10M 19:00,off", or with
// days "Mon-08:00,10M Sat-00:00,off". Times are local. Numbers are KiB without a
// suffix; B, K, M, G, T are powers of 1,024.
type Timetable []Slot

// Slot is the limit from one minute of the week on; 0 is no limit.
type Slot struct {
	Minute int // of the week, from Sunday 00:00
	Bytes  int64
}

const (
	dayMinutes  = 24 * 60
	weekMinutes = 7 * dayMinutes
	maxSlots    = 1000
)

// ParseTimetable reads a timetable; "" is nil, no limit.
func ParseTimetable(text string) (Timetable, error) {
	words := strings.Fields(text)
	if len(words) == 1 && !strings.Contains(words[0], ",") {
		n, err := parseRate(words[0])
		if err != nil || n == 0 {
			return nil, err
		}
		return Timetable{{0, n}}, nil
	}
	var table Timetable
	for _, word := range words {
		at, limit, ok := strings.Cut(word, ",")
		if !ok {
			return nil, fmt.Errorf("%q is not TIME,LIMIT, as in 08:00,10M", word)
		}
		n, err := parseRate(limit)
		if err != nil {
			return nil, err
		}
		minutes, err := parseMoment(at)
		if err != nil {
			return nil, err
		}
		for _, m := range minutes {
			table = append(table, Slot{m, n})
		}
		if len(table) > maxSlots {
			return nil, fmt.Errorf("more than %d times", maxSlots)
		}
	}
	return table, nil
}

// parseRate reads a limit; "off" is 0.
func parseRate(text string) (int64, error) {
	if text == "off" {
		return 0, nil
	}
	number, unit := text, int64(1<<10)
	if n := len(text); n > 0 {
		if at := strings.IndexByte("BKMGT", text[n-1]&^0x20); at >= 0 {
			number, unit = text[:n-1], int64(1)<<(10*at)
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 || v > 1<<40 || v*float64(unit) >= 1<<62 {
		return 0, fmt.Errorf("limit %q: must be a number with B, K, M, G or T behind it, or off", text)
	}
	n := int64(v * float64(unit))
	if n > 0 && n < 1024 {
		return 0, fmt.Errorf("limit %q: under 1,024 bytes a second nothing gets through", text)
	}
	return n, nil
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseMoment reads HH:MM, which is of every day, or DAY-HH:MM.
func parseMoment(text string) (minutes []int, err error) {
	clock, day := text, -1
	if name, rest, ok := strings.Cut(text, "-"); ok {
		clock = rest
		for i, w := range weekdays {
			if strings.EqualFold(name, w) {
				day = i
			}
		}
		if day < 0 {
			return nil, fmt.Errorf("day %q: must be Sun, Mon, Tue, Wed, Thu, Fri or Sat", name)
		}
	}
	m, err := parseClock(clock)
	if err != nil {
		return nil, err
	}
	if day >= 0 {
		return []int{day*dayMinutes + m}, nil
	}
	for d := range 7 {
		minutes = append(minutes, d*dayMinutes+m)
	}
	return minutes, nil
}

func parseClock(text string) (minute int, err error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("time %q: must be HH:MM", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

func minuteOf(t time.Time) int {
	t = t.Local()
	return int(t.Weekday())*dayMinutes + t.Hour()*60 + t.Minute()
}

// At is the limit at a time: that of the last slot before it, around the week.
func (t Timetable) At(now time.Time) int64 {
	minute, best, limit := minuteOf(now), weekMinutes+1, int64(0)
	for _, s := range t {
		if past := (minute - s.Minute + weekMinutes) % weekMinutes; past < best {
			best, limit = past, s.Bytes
		}
	}
	return limit
}

// Hours are the times of day in which requests may begin. Nil is always.
type Hours []Window

// Window is from one minute of the day to below another, over midnight if it ends
// before it begins.
type Window struct{ From, To int }

// ParseHours reads windows as "19:00-07:00", several with commas.
func ParseHours(text string) (hours Hours, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(word), "-")
		if !ok {
			return nil, fmt.Errorf("%q is not FROM-TO, as in 19:00-07:00", word)
		}
		var w Window
		if w.From, err = parseClock(from); err != nil {
			return nil, err
		}
		if w.To, err = parseClock(to); err != nil {
			return nil, err
		}
		if w.From == w.To {
			return nil, fmt.Errorf("%q is empty", word)
		}
		if hours = append(hours, w); len(hours) > maxSlots {
			return nil, fmt.Errorf("more than %d windows", maxSlots)
		}
	}
	return hours, nil
}

// Open tells whether requests may begin.
func (h Hours) Open(now time.Time) bool {
	minute := minuteOf(now) % dayMinutes
	for _, w := range h {
		if w.From < w.To && minute >= w.From && minute < w.To || w.From > w.To && (minute >= w.From || minute < w.To) {
			return true
		}
	}
	return len(h) == 0
}

// pacer holds payload to the timetable. A nil pacer does nothing.
type pacer struct {
	table Timetable
	now   func() time.Time

	mu    sync.Mutex
	limit *rate.Limiter
	calls *limiter // with payload
	bytes int64
}

// pacePiece is the most that is let through at once.
const pacePiece = 64 << 10

func newPacer(table Timetable, now func() time.Time) *pacer {
	if len(table) == 0 {
		return nil
	}
	return &pacer{table: table, now: now, limit: rate.NewLimiter(rate.Inf, pacePiece), calls: newLimiter(math.MaxInt32, math.MaxInt32, 0)}
}

// adjust goes by the time of day. Under a limit only as many calls with payload go at
// once as leave each the pace that a call must make.
func (p *pacer) adjust() (bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes = p.table.At(p.now()); bytes == p.bytes {
		return bytes
	}
	p.bytes = bytes
	if bytes > 0 {
		p.limit.SetLimit(rate.Limit(bytes))
		p.calls.set(int(min(math.MaxInt32, max(1, bytes/Slowest))))
	} else {
		p.limit.SetLimit(rate.Inf)
		p.calls.set(math.MaxInt32)
	}
	return bytes
}

// enter waits until a call with payload may go. The call's own time has not begun yet.
func (p *pacer) enter(ctx context.Context) (leave func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	p.adjust()
	if err := p.calls.acquire(ctx); err != nil {
		return nil, ErrStopped
	}
	return func() { p.calls.release(nothing, sample{}) }, nil
}

// Of has a call's payload wait for the pacer; nil is no limit.
func (p *pacer) Of(ctx context.Context) func(most int) (n int, err error) {
	if p == nil {
		return nil
	}
	return func(most int) (int, error) { return p.wait(ctx, most) }
}

// wait waits until up to most bytes may go, and tells how many. The call's own time
// stands meanwhile: a limit of ours says nothing about the target.
func (p *pacer) wait(call context.Context, most int) (n int, err error) {
	n = min(most, pacePiece)
	bytes := p.adjust()
	if bytes == 0 {
		return n, call.Err()
	}
	n = min(n, int(min(bytes, pacePiece))) // about a second apart, at the least
	defer stand(call)()
	return n, p.limit.WaitN(call, n)
}

// Next is the first minute from now on in which requests may begin.
func (h Hours) Next(now time.Time) time.Time {
	if h.Open(now) {
		return now
	}
	at := now.Truncate(time.Minute)
	for range 2 * dayMinutes { // a clock that is set for the summer skips some
		if at = at.Add(time.Minute); h.Open(at) {
			break
		}
	}
	return at
}

// Limits reports whether the operator bounds the bandwidth at this time.
func (p *pacer) Limits() bool { return p != nil && p.adjust() > 0 }
