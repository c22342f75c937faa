package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/terminal"
)

// sample is how far a verb is. Totals of zero are not known (yet). The four figures
// are of one set of entries, and count in one way: bytes are part of totalBytes, files
// part of totalFiles, and the bytes of an entry that is not among the files are not
// among the bytes. Both parts reach their totals at the end.
type sample struct {
	phase             string
	bytes, totalBytes int64
	files, totalFiles int64
	unit              string // of files, where they are not entries and have no bytes
	more              string // anything else worth a word
	file              string // the name at work
	slow              string // the disk that the others wait for

	pace *importer.Pace // of a verb that measures itself; nil: the meter measures
}

// coherent takes the totals away from figures that cannot be of one set: no total is
// better than a wrong one.
func (s sample) coherent() sample {
	if s.totalBytes > 0 && s.bytes > s.totalBytes || s.totalFiles > 0 && s.files > s.totalFiles {
		s.totalBytes, s.totalFiles = 0, 0
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

// meter shows progress: one line that is written again and again on a terminal, plain
// lines elsewhere, JSON lines with --json. It may be told from many goroutines.
type meter struct {
	out  progressOut
	verb string

	mu      sync.Mutex
	drawn   bool    // there is a line on the terminal
	history []point // of the last rateWindow
	pace    *importer.Pace
	shown   time.Time
	phase   string
}

type point struct {
	at           time.Time
	bytes, files int64
}

// progressOut is where a meter's lines go, and how.
type progressOut struct {
	to          io.Writer
	tty         bool // one line, written again and again
	json, quiet bool
	now         func() time.Time
	columns     func() int // of the terminal at this moment; zero is not known
}

func newMeter(verb string, out progressOut) *meter { return &meter{out: out, verb: verb} }

// Tell takes a sample, and shows it if it is time.
func (m *meter) Tell(s sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = s.coherent()
	now := m.out.now()
	if s.phase != m.phase {
		m.clear()
		m.phase, m.history, m.shown = s.phase, nil, time.Time{}
	}
	m.pace = s.pace
	m.remember(point{now, s.bytes, s.files})
	every := lineEvery
	if m.out.tty && !m.out.json {
		every = barEvery
	}
	if m.out.quiet || now.Sub(m.shown) < every {
		return
	}
	first := m.shown.IsZero()
	m.shown = now
	switch {
	case m.out.json:
		m.jsonLine(s)
	case m.out.tty:
		m.draw(s)
	case !first: // a line that only says "0" helps nobody
		fmt.Fprintf(m.out.to, "%s: %s\n", m.verb, m.line(s))
	}
}

// End takes the line away.
func (m *meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

func (m *meter) clear() {
	if m.drawn {
		fmt.Fprint(m.out.to, clearLine)
		m.drawn = false
	}
}

// remember keeps the points of the last rateWindow.
func (m *meter) remember(p point) {
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
func (m *meter) rates() (bytes, files float64) {
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
func (m *meter) eta(s sample) time.Duration {
	if s.pace != nil {
		return s.pace.Left
	}
	bytes, files := m.rates()
	var left, more int64
	if s.totalBytes > 0 {
		left = s.totalBytes - s.bytes
	}
	if s.totalFiles > 0 {
		more = s.totalFiles - s.files
	}
	return importer.TimeLeft(left, more, bytes, files)
}

// line is a sample in words, of any length.
func (m *meter) line(s sample) string {
	text, comma := "", ""
	for _, p := range m.parts(s) {
		text += comma + p.text
		comma = ", "
	}
	return text
}

func (m *meter) jsonLine(s sample) {
	bytes, files := m.rates()
	line := map[string]any{
		"event": "progress", "verb": m.verb, "phase": s.phase, "bytes": s.bytes, "total_bytes": s.totalBytes,
		"entries": s.files, "total_entries": s.totalFiles, "bytes_per_second": int64(bytes), "entries_per_second": files,
	}
	if eta := m.eta(s); eta > 0 {
		line["eta_seconds"] = int64(eta.Seconds())
	}
	if s.more != "" {
		line["note"] = s.more
	}
	if s.file != "" {
		line["file"] = terminal.Escape(s.file)
	}
	if s.slow != "" {
		line["slowest_disk"] = terminal.Escape(s.slow)
	}
	if b, err := json.Marshal(line); err == nil {
		fmt.Fprintf(m.out.to, "%s\n", terminal.PlainJSON(b))
	}
}

// draw writes the line anew, as wide as the terminal is at this moment.
func (m *meter) draw(s sample) {
	fmt.Fprintf(m.out.to, "\r%s\x1b[K", m.fit(s, m.out.columns()))
	m.drawn = true
}
