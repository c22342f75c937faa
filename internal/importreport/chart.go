package importreport

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// Charts are drawn in units of their own and stretched over whatever width there
// is; all text stands beside them in HTML, so that it is never stretched. Numbers
// are the only thing that goes into their geometry.
const (
	chartWidth  = 1000.0
	chartHeight = 160.0
	minShare    = 6.0 // what is there at all can be seen
)

// Bar is a rectangle of a chart.
type Bar struct {
	X, Y, Width, Height string
	Class               string
	Label               string
}

func units(v float64) string { return fmt.Sprintf("%.2f", v) }

// Curve is a chart of a speed over time.
type Curve struct {
	ID, Title, Desc string
	Area, Line      string // path data
	Bands           []Bar
	Scale           [3]string // top, middle, bottom
	Ticks           []string
}

// curve draws what of says about each step.
func (d *Device) curve(id, title string, of func(Rate) float64, scale func(float64) float64, word func(float64) string) *Curve {
	if len(d.Curve) < 2 {
		return nil
	}
	from, to := d.window()
	total, most, sum := to.Sub(from).Seconds(), 0.0, 0.0
	for _, r := range d.Curve {
		most, sum = max(most, of(r)), sum+of(r)
	}
	top := scale(most)
	c := &Curve{ID: id, Title: title, Bands: d.bands(from, total), Scale: [3]string{word(top), word(top / 2), "0"}}
	path := &strings.Builder{}
	step := chartWidth / float64(len(d.Curve))
	for i, r := range d.Curve {
		y := units(chartHeight * (1 - of(r)/top))
		fmt.Fprintf(path, "L%s %sL%s %s", units(float64(i)*step), y, units(float64(i+1)*step), y)
	}
	c.Line = "M" + path.String()[1:]
	c.Area = fmt.Sprintf("M0 %s%sL%s %sZ", units(chartHeight), path, units(chartWidth), units(chartHeight))
	for i := range 5 {
		c.Ticks = append(c.Ticks, tick(seconds(total*float64(i)/4)))
	}
	c.Desc = fmt.Sprintf("%s from %s to %s: at most %s, on average %s. %s", title, Moment(from), Moment(to), word(most), word(sum/float64(len(d.Curve))), d.bandsText())
	return c
}

// window is the time that the curve covers.
func (d *Device) window() (from, to time.Time) {
	from = d.Curve[0].At
	return from, from.Add(d.Curve[1].At.Sub(from) * time.Duration(len(d.Curve)))
}

// tick is the time since the beginning, short.
func tick(t time.Duration) string {
	switch {
	case t == 0:
		return "0"
	case t < 2*time.Minute:
		return fmt.Sprintf("%.0f s", t.Seconds())
	case t < 2*time.Hour:
		return fmt.Sprintf("%.0f min", t.Minutes())
	case t < 48*time.Hour:
		return fmt.Sprintf("%.1f h", t.Hours())
	}
	return fmt.Sprintf("%.1f d", t.Hours()/24)
}

func (d *Device) bands(from time.Time, total float64) (bars []Bar) {
	for _, b := range d.Bands {
		x := chartWidth * b.From.Sub(from).Seconds() / total
		width := max(2, chartWidth*b.To.Sub(b.From).Seconds()/total)
		bars = append(bars, Bar{X: units(x), Y: "0", Width: units(min(width, chartWidth-x)), Height: units(chartHeight), Class: bandClass(b.State),
			Label: fmt.Sprintf("%s, %s to %s", b.State, Moment(b.From), Moment(b.To))})
	}
	return bars
}

func bandClass(s request.State) string {
	switch s {
	case request.StateHalted:
		return "halted"
	case request.StatePaused:
		return "paused"
	}
	return "away"
}

func (d *Device) bandsText() string {
	if len(d.Bands) == 0 {
		return "It was in progress all the time."
	}
	return fmt.Sprintf("It was not in progress in %s.", plural(len(d.Bands), "stretch of time", "stretches of time"))
}

// bytesScale and countScale round up to what halves well.
func bytesScale(v float64) float64 {
	unit := 1.0
	for v >= 1000*unit {
		unit *= 1024
	}
	for _, n := range []float64{1, 2, 4, 10, 20, 40, 100, 200, 400, 1000} {
		if n*unit >= v {
			return n * unit
		}
	}
	return 1024 * unit
}

func countScale(v float64) float64 {
	if v <= 1 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 4, 6, 8} {
		if n*unit >= v {
			return n * unit
		}
	}
	return 10 * unit
}

func bytesPerSecond(v float64) string { return Bytes(int64(v)) + "/s" }

// Stack is one bar of several shares, with their numbers as a table beside it.
type Stack struct {
	ID, Title, Desc string
	Bars            []Bar
	Rows            []Share
	Sized           bool // some rows have bytes
}

// Share is a row of a Stack.
type Share struct {
	Class, Name, Part string
	Count             uint64
	Bytes             *int64
}

// stack shares the width out. What is there gets minShare at least, taken from the
// others in proportion.
func stack(id, title string, rows []Share) *Stack {
	total := uint64(0)
	for _, r := range rows {
		total += r.Count
	}
	s := &Stack{ID: id, Title: title, Rows: rows, Sized: slices.ContainsFunc(rows, func(r Share) bool { return r.Bytes != nil })}
	if total == 0 {
		s.Desc = "There is nothing to show."
		return s
	}
	var widths []float64
	sum := 0.0
	for i, r := range rows {
		share := float64(r.Count) / float64(total)
		rows[i].Part = percent(r.Count, total)
		width := chartWidth * share
		if r.Count > 0 {
			width = max(width, minShare)
		}
		widths, sum = append(widths, width), sum+width
	}
	x, words := 0.0, []string{}
	for i, r := range rows {
		width := widths[i] * chartWidth / sum
		if r.Count > 0 {
			s.Bars = append(s.Bars, Bar{X: units(x), Width: units(width), Class: r.Class, Label: fmt.Sprintf("%s: %s, %s", r.Name, Count(r.Count), r.Part)})
			words = append(words, fmt.Sprintf("%s %s", r.Name, r.Part))
		}
		x += width
	}
	s.Desc = strings.Join(words, ", ") + "."
	return s
}

// percent never says 0 of what is there, nor 100 of what is not all.
func percent(n, of uint64) string {
	p := 100 * float64(n) / float64(of)
	switch {
	case n == 0:
		return "–"
	case n == of:
		return "100 %"
	case p < 0.1:
		return "< 0.1 %"
	case p > 99.9:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", p)
}

// HistogramRow is one bucket with its bar.
type HistogramRow struct {
	Bucket
	Width string
	Part  string
}

func (d *Device) histogram() (rows []HistogramRow) {
	most := uint64(1)
	for _, b := range d.Sizes {
		most = max(most, b.Count)
	}
	for _, b := range d.Sizes {
		width := chartWidth * float64(b.Count) / float64(most)
		if b.Count > 0 {
			width = max(width, minShare)
		}
		rows = append(rows, HistogramRow{b, units(width), percent(b.Count, d.Sum.Objects)})
	}
	return rows
}
