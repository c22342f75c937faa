package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/sledge-io/sledge/internal/terminal"
)

// clearLine takes away what stands on the terminal's line.
const clearLine = "\r\x1b[K"

const (
	fewestColumns = 20 // a terminal that says less does not know
	usualColumns  = 80 // of one that does not know
	leastFile     = 12 // columns for a name, or none
	barColumns    = 12
)

// part is a piece of the progress line. Where room is scarce the highest rank goes
// first.
type part struct {
	text string
	rank int
}

// fileRank is the one part that can be cut.
const fileRank = 4

// parts are what a sample has to say, in the order of reading.
func (m *meter) parts(s sample) (parts []part) {
	add := func(rank int, format string, args ...any) {
		parts = append(parts, part{fmt.Sprintf(format, args...), rank})
	}
	phase := ""
	if s.phase != "" && s.phase != m.verb {
		phase = s.phase + ": "
	}
	bytes, files := m.rates()
	if s.unit == "" {
		add(1, "%s%s", phase, amount(s))
		phase = ""
	}
	if s.files > 0 || s.totalFiles > 0 {
		rank := 7
		if s.unit != "" {
			rank = 1
		}
		add(rank, "%s%s", phase, counted(s))
	}
	if s.unit == "" && (bytes > 0 || files > 0) {
		add(6, "%s/s", terminal.Size(int64(bytes)))
		if s.files > 0 {
			add(8, "%.0f entries/s", files)
		}
	}
	if eta := m.eta(s); eta > 0 {
		add(2, "%s left", eta)
	}
	if s.more != "" {
		add(3, "%s", terminal.Escape(s.more))
	}
	if s.slow != "" {
		add(5, "slowest disk %s", terminal.Escape(s.slow))
	}
	if s.file != "" {
		add(fileRank, "%s", terminal.ShownName(s.file))
	}
	return parts
}

// amount is the bytes of a sample.
func amount(s sample) string {
	text := terminal.Size(s.bytes)
	if s.totalBytes > 0 {
		text += fmt.Sprintf(" of %s (%d %%)", terminal.Size(s.totalBytes), s.bytes*100/s.totalBytes)
	}
	return text
}

// counted is the entries of a sample, or what else it counts.
func counted(s sample) string {
	text := strconv.FormatInt(s.files, 10)
	if s.totalFiles > 0 {
		text += fmt.Sprintf(" of %d", s.totalFiles)
	}
	return text + " " + cmp.Or(s.unit, "entries")
}

// fit is the line for a terminal: never as wide as it, as a character in the last
// column may begin a new line.
func (m *meter) fit(s sample, width int) string {
	if width < fewestColumns {
		width = usualColumns
	}
	start := m.verb + ": "
	room := width - 1 - terminal.Columns(start)
	parts := m.parts(s)
	kept, used := chosen(parts, room)
	text, comma := start, ""
	for i, p := range parts {
		if !kept[i] {
			continue
		}
		if p.rank == fileRank {
			p.text = terminal.CutMiddle(p.text, leastColumns(p)+room-used)
		}
		text += comma + p.text
		comma = ", "
	}
	if bar := bar(s); bar != "" && terminal.Columns(text)+terminal.Columns(bar) < width {
		text = bar + text
	}
	return terminal.CutEnd(text, width-1)
}

// chosen are the parts that fit into a number of columns, lower ranks first, and the
// columns that they take at least.
func chosen(parts []part, room int) (kept map[int]bool, used int) {
	kept = map[int]bool{}
	for rank := 1; rank <= 8; rank++ {
		for i, p := range parts {
			if p.rank != rank {
				continue
			}
			need := leastColumns(p)
			if used > 0 {
				need += len(", ")
			}
			if rank > 1 && used+need > room {
				continue
			}
			kept[i] = true
			used += need
		}
	}
	return kept, used
}

// leastColumns is what a part takes at least.
func leastColumns(p part) int {
	n := terminal.Columns(p.text)
	if p.rank == fileRank {
		n = min(n, leastFile)
	}
	return n
}

// bar is a picture of how far a verb is; none where the total is not known.
func bar(s sample) string {
	part, total := s.bytes, s.totalBytes
	if total <= 0 {
		part, total = s.files, s.totalFiles
	}
	if total <= 0 {
		return ""
	}
	b := progressbar.NewOptions64(total, // it draws nothing itself: it knows no line's width
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(barColumns),
		progressbar.OptionSetPredictTime(false), // ours knows of files, too
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetRenderBlankState(true))
	b.Set64(part)
	return strings.TrimSpace(b.String()) + " "
}
