package progress

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/sledge-io/sledge/internal/terminal"
)

// ClearLine takes away what stands on the terminal's line.
const ClearLine = "\r\x1b[K"

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
func (m *Meter) parts(s Sample) (parts []part) {
	add := func(rank int, format string, args ...any) {
		parts = append(parts, part{fmt.Sprintf(format, args...), rank})
	}
	phase := ""
	if s.Phase != "" && s.Phase != m.verb {
		phase = s.Phase + ": "
	}
	bytes, files := m.rates()
	if s.Unit == "" {
		add(1, "%s%s", phase, amount(s))
		phase = ""
	}
	if s.Files > 0 || s.TotalFiles > 0 {
		rank := 7
		if s.Unit != "" {
			rank = 1
		}
		add(rank, "%s%s", phase, counted(s))
	}
	if s.Unit == "" && (bytes > 0 || files > 0) {
		add(6, "%s/s", terminal.Size(int64(bytes)))
		if s.Files > 0 {
			add(8, "%.0f entries/s", files)
		}
	}
	if eta := m.eta(s); eta > 0 {
		add(2, "%s left", eta)
	}
	if s.More != "" {
		add(3, "%s", terminal.Escape(s.More))
	}
	if s.Slow != "" {
		add(5, "slowest disk %s", terminal.Escape(s.Slow))
		if s.SlowRate > 0 {
			add(7, "%s/s", terminal.Size(s.SlowRate))
		}
	}
	if s.File != "" {
		add(fileRank, "%s", terminal.ShownName(s.File))
	}
	return parts
}

// amount is the bytes of a sample.
func amount(s Sample) string {
	text := terminal.Size(s.Bytes)
	if s.TotalBytes > 0 {
		text += fmt.Sprintf(" of %s (%d %%)", terminal.Size(s.TotalBytes), s.Bytes*100/s.TotalBytes)
	}
	return text
}

// counted is the entries of a sample, or what else it counts.
func counted(s Sample) string {
	text := strconv.FormatInt(s.Files, 10)
	if s.TotalFiles > 0 {
		text += fmt.Sprintf(" of %d", s.TotalFiles)
	}
	return text + " " + cmp.Or(s.Unit, "entries")
}

// fit is the line for a terminal: never as wide as it, as a character in the last
// column may begin a new line.
func (m *Meter) fit(s Sample, width int) string {
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
func bar(s Sample) string {
	part, total := s.Bytes, s.TotalBytes
	if total <= 0 {
		part, total = s.Files, s.TotalFiles
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
