package main

import (
	"cmp"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// sample is how far a verb is. Totals of zero are not known (yet).
type sample struct {
	phase             string
	bytes, totalBytes int64
	files, totalFiles int64
	unit              string // of files, where they are not entries and have no bytes
	more              string // anything else worth a word
}

const (
	lineEvery   = 5 * time.Second // between plain lines
	barEvery    = 200 * time.Millisecond
	rateWindow  = 30 * time.Second
	maxHistory  = 256
	minRateTime = 500 * time.Millisecond
)

// meter shows progress: a bar on a terminal, plain lines elsewhere, JSON lines
// with --json. It may be told from many goroutines.
type meter struct {
	a    *app
	verb string

	mu      sync.Mutex
	bar     *progressbar.ProgressBar
	history []point // of the last rateWindow
	shown   time.Time
	phase   string
}

type point struct {
	at           time.Time
	bytes, files int64
}

func (a *app) meter(verb string) *meter { return &meter{a: a, verb: verb} }

// tell takes a sample, and shows it if it is time.
func (m *meter) tell(s sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.a.now()
	if s.phase != m.phase {
		m.clear()
		m.phase, m.history, m.shown = s.phase, nil, time.Time{}
	}
	m.remember(point{now, s.bytes, s.files})
	every := lineEvery
	if m.a.errTTY && !m.a.json {
		every = barEvery
	}
	if m.a.quiet || now.Sub(m.shown) < every {
		return
	}
	first := m.shown.IsZero()
	m.shown = now
	switch {
	case m.a.json:
		m.jsonLine(s)
	case m.a.errTTY:
		m.draw(s)
	case !first: // a line that only says "0" helps nobody
		fmt.Fprintf(m.a.err, "%s: %s\n", m.verb, m.line(s))
	}
}

// end clears the bar.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

func (m *meter) clear() {
	if m.bar != nil {
		m.bar.Clear()
		m.bar = nil
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

// rates are bytes and files a second over the window.
func (m *meter) rates() (bytes, files float64) {
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

// eta is the longer of what the bytes and what the files still take, as both
// can be the bottleneck. Zero is not known.
func (m *meter) eta(s sample) time.Duration {
	bytes, files := m.rates()
	var seconds float64
	if left := s.totalBytes - s.bytes; left > 0 && s.totalBytes > 0 {
		if bytes <= 0 {
			return 0
		}
		seconds = float64(left) / bytes
	}
	if left := s.totalFiles - s.files; left > 0 && s.totalFiles > 0 && files > 0 {
		seconds = max(seconds, float64(left)/files)
	}
	const longest = 1000 * 24 * time.Hour
	return min(longest, time.Duration(seconds*float64(time.Second)))
}

// line is a sample in words.
func (m *meter) line(s sample) string {
	bytes, files := m.rates()
	text := ""
	if s.phase != "" && s.phase != m.verb {
		text = s.phase + ": "
	}
	if s.unit == "" {
		text += size(s.bytes)
	}
	if s.totalBytes > 0 {
		text += fmt.Sprintf(" of %s (%d %%)", size(s.totalBytes), min(100, s.bytes*100/s.totalBytes))
	}
	if s.files > 0 || s.totalFiles > 0 {
		if s.unit == "" {
			text += ", "
		}
		text += strconv.FormatInt(s.files, 10)
		if s.totalFiles > 0 {
			text += fmt.Sprintf(" of %d", s.totalFiles)
		}
		text += " " + cmp.Or(s.unit, "entries")
	}
	if s.unit == "" && (bytes > 0 || files > 0) {
		text += fmt.Sprintf(", %s/s", size(int64(bytes)))
		if s.files > 0 {
			text += fmt.Sprintf(", %.0f entries/s", files)
		}
	}
	if eta := m.eta(s); eta > 0 {
		text += ", " + eta.Round(time.Second).String() + " left"
	}
	if s.more != "" {
		text += ", " + s.more
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
	m.a.jsonLine(line)
}

// draw shows the bar. A bar over nothing would count as finished, so one
// without a known total is a spinner.
func (m *meter) draw(s sample) {
	total := s.totalBytes
	if total <= 0 {
		total = -1
	}
	if m.bar == nil || m.bar.GetMax64() != total {
		m.clear()
		m.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(m.a.err),
			progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(false), // ours knows of files, too
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetRenderBlankState(true),
			progressbar.OptionUseANSICodes(true))
	}
	m.bar.Describe(escape(m.verb + ": " + m.line(s)))
	if total > 0 {
		m.bar.Set64(min(s.bytes, total))
	} else {
		m.bar.Add(1)
	}
}
