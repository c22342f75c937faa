package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/terminal"
)

// Sample is how far a verb is. Totals of zero are not known (yet). The four figures
// are of one set of entries, and count in one way: Bytes are part of TotalBytes, Files
// part of TotalFiles, and the bytes of an entry that is not among the files are not
// among the bytes. Both parts reach their totals at the end.
type Sample struct {
	Phase             string
	Bytes, TotalBytes int64
	Files, TotalFiles int64
	Unit              string // of files, where they are not entries and have no bytes
	More              string // anything else worth a word
	File              string // the name at work
	Slow              string // the disk that the others wait for
	SlowRate          int64  // how many bytes a second it takes; 0: not known

	Pace *status.Pace // of a verb that measures itself; nil: the meter measures
}

// coherent takes the totals away from figures that cannot be of one set: no total is
// better than a wrong one.
func (s Sample) coherent() Sample {
	if s.TotalBytes > 0 && s.Bytes > s.TotalBytes || s.TotalFiles > 0 && s.Files > s.TotalFiles {
		s.TotalBytes, s.TotalFiles = 0, 0
	}
	return s
}

const (
	lineEvery   = 5 * time.Second // between plain lines
	barEvery    = 200 * time.Millisecond
	rateWindow  = 30 * time.Second
	maxHistory  = 256
	minRateTime = 500 * time.Millisecond
)

// Meter shows progress: one line that is written again and again on a terminal, plain
// lines elsewhere, JSON lines with --json. It may be told from many goroutines.
type Meter struct {
	out  Out
	verb string

	mu      sync.Mutex
	drawn   bool    // there is a line on the terminal
	history []point // of the last rateWindow
	pace    *status.Pace
	shown   time.Time
	phase   string
}

type point struct {
	at           time.Time
	bytes, files int64
}

// Out is where a meter's lines go, and how.
type Out struct {
	To          io.Writer
	TTY         bool // one line, written again and again
	JSON, Quiet bool
	Now         func() time.Time
	Columns     func() int // of the terminal at this moment; zero is not known
}

// New is a meter of a verb. Nothing is shown before the first sample.
func New(verb string, out Out) *Meter { return &Meter{out: out, verb: verb} }

// Tell takes a sample, and shows it if it is time.
func (m *Meter) Tell(s Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = s.coherent()
	now := m.out.Now()
	if s.Phase != m.phase {
		m.clear()
		m.phase, m.history, m.shown = s.Phase, nil, time.Time{}
	}
	m.pace = s.Pace
	m.remember(point{now, s.Bytes, s.Files})
	every := lineEvery
	if m.out.TTY && !m.out.JSON {
		every = barEvery
	}
	if m.out.Quiet || now.Sub(m.shown) < every {
		return
	}
	first := m.shown.IsZero()
	m.shown = now
	switch {
	case m.out.JSON:
		m.jsonLine(s)
	case m.out.TTY:
		m.draw(s)
	case !first: // a line that only says "0" helps nobody
		fmt.Fprintf(m.out.To, "%s: %s\n", m.verb, m.Line(s))
	}
}

// End takes the line away.
func (m *Meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

func (m *Meter) clear() {
	if m.drawn {
		fmt.Fprint(m.out.To, ClearLine)
		m.drawn = false
	}
}

// remember keeps the points of the last rateWindow.
func (m *Meter) remember(p point) {
	if n := len(m.history); n > 1 && p.at.Sub(m.history[n-2].at) < rateWindow/maxHistory {
		m.history[n-1] = p
	} else {
		m.history = append(m.history, p)
	}
	for len(m.history) > 2 && p.at.Sub(m.history[0].at) > rateWindow {
		m.history = m.history[1:]
	}
}

// rates are bytes and files a second: the verb's own, or over the window.
func (m *Meter) rates() (bytes, files float64) {
	if m.pace != nil {
		return m.pace.BytesPerSecond, m.pace.EntriesPerSecond
	}
	if len(m.history) < 2 {
		return 0, 0
	}
	first, last := m.history[0], m.history[len(m.history)-1]
	seconds := last.at.Sub(first.at)
	if seconds < minRateTime {
		return 0, 0
	}
	return float64(last.bytes-first.bytes) / seconds.Seconds(), float64(last.files-first.files) / seconds.Seconds()
}

// eta is the time that is left: the verb's own, or by the rates. Zero is not known.
func (m *Meter) eta(s Sample) time.Duration {
	if s.Pace != nil {
		return s.Pace.Left
	}
	bytes, files := m.rates()
	var left, more int64
	if s.TotalBytes > 0 {
		left = s.TotalBytes - s.Bytes
	}
	if s.TotalFiles > 0 {
		more = s.TotalFiles - s.Files
	}
	return status.TimeLeft(left, more, bytes, files)
}

// Line is a sample in words, of any length.
func (m *Meter) Line(s Sample) string {
	text, comma := "", ""
	for _, p := range m.parts(s) {
		text += comma + p.text
		comma = ", "
	}
	return text
}

func (m *Meter) jsonLine(s Sample) {
	bytes, files := m.rates()
	line := map[string]any{
		"event": "progress", "verb": m.verb, "phase": s.Phase, "bytes": s.Bytes, "total_bytes": s.TotalBytes,
		"entries": s.Files, "total_entries": s.TotalFiles, "bytes_per_second": int64(bytes), "entries_per_second": files,
	}
	if eta := m.eta(s); eta > 0 {
		line["eta_seconds"] = int64(eta.Seconds())
	}
	if s.More != "" {
		line["note"] = s.More
	}
	if s.File != "" {
		line["file"] = terminal.Escape(s.File)
	}
	if s.Slow != "" {
		line["slowest_disk"] = terminal.Escape(s.Slow)
		if s.SlowRate > 0 {
			line["slowest_disk_bytes_per_second"] = s.SlowRate
		}
	}
	if b, err := json.Marshal(line); err == nil {
		fmt.Fprintf(m.out.To, "%s\n", terminal.PlainJSON(b))
	}
}

// draw writes the line anew, as wide as the terminal is at this moment.
func (m *Meter) draw(s Sample) {
	fmt.Fprintf(m.out.To, "\r%s\x1b[K", m.fit(s, m.out.Columns()))
	m.drawn = true
}
