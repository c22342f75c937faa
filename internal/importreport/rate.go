package importreport

import (
	"cmp"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// Rate is the speed over one step of the curve.
type Rate struct {
	At      time.Time `json:"at"` // where the step begins
	Bytes   float64   `json:"bytes_per_second"`
	Entries float64   `json:"entries_per_second"`
	// Requests at once, the most that the step has seen.
	Requests float64 `json:"requests"`
}

// maxSteps bounds the curve, however long the run was.
const maxSteps = 240

// curveOf spreads the spans over equal steps.
func curveOf(spans []span) []Rate {
	if len(spans) == 0 {
		return []Rate{}
	}
	from, to := spans[0].from, spans[len(spans)-1].to
	steps := min(maxSteps, max(1, len(spans)))
	step := to.Sub(from).Seconds() / float64(steps)
	if step <= 0 {
		return []Rate{}
	}
	curve := make([]Rate, steps)
	for i := range curve {
		curve[i].At = from.Add(time.Duration(float64(i) * step * float64(time.Second)))
	}
	for _, s := range spans {
		spread(curve, s, s.from.Sub(from).Seconds()/step, s.to.Sub(from).Seconds()/step, step)
	}
	return curve
}

// spread gives each step the part of a span that lies in it; a and b are the
// span's ends in steps.
func spread(curve []Rate, s span, a, b, step float64) {
	for i := int(a); i < len(curve) && float64(i) < b; i++ {
		part := (min(b, float64(i+1)) - max(a, float64(i))) / (b - a)
		curve[i].Bytes += s.bytes * part / step
		curve[i].Entries += s.entries * part / step
	}
}

// Stretch is a while in progress that was slower than the rest.
type Stretch struct {
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Bytes     float64   `json:"bytes_per_second"`
	Entries   float64   `json:"entries_per_second"`
	OfUsual   float64   `json:"of_usual"` // 1 is the run's median
	Retries   int64     `json:"retries"`
	Throttled int64     `json:"throttled"`
}

const (
	maxSlowest  = 5
	slowEnough  = 0.7              // of the usual speed; what is faster is not named
	stretchPart = 50               // of the time in progress
	minStretch  = 30 * time.Second // shorter ones say nothing
)

// slowestOf names the slowest stretches. Small objects make few bytes and many
// entries, large ones the other way round, so that a stretch is as slow as the
// better of the two says.
func slowestOf(spans []span) []Stretch {
	stretches := stretchesOf(spans)
	bytes, entries := median(stretches, func(s Stretch) float64 { return s.Bytes }), median(stretches, func(s Stretch) float64 { return s.Entries })
	slow := []Stretch{}
	for _, s := range stretches {
		s.OfUsual = max(ratio(s.Bytes, bytes), ratio(s.Entries, entries))
		if s.OfUsual < slowEnough {
			slow = append(slow, s)
		}
	}
	slices.SortFunc(slow, func(a, b Stretch) int {
		return cmp.Or(cmp.Compare(a.OfUsual, b.OfUsual), a.From.Compare(b.From))
	})
	return slow[:min(len(slow), maxSlowest)]
}

func ratio(v, usual float64) float64 {
	if usual == 0 {
		return 0
	}
	return v / usual
}

func median(stretches []Stretch, of func(Stretch) float64) float64 {
	if len(stretches) == 0 {
		return 0
	}
	values := make([]float64, len(stretches))
	for i, s := range stretches {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// stretchesOf joins spans in progress that follow each other until they are long
// enough to compare.
func stretchesOf(spans []span) (list []Stretch) {
	total := time.Duration(0)
	for _, s := range spans {
		if s.state == request.StateRunning {
			total += s.to.Sub(s.from)
		}
	}
	length := max(minStretch, total/stretchPart)
	var open *Stretch
	for _, s := range spans {
		if s.state != request.StateRunning {
			open = nil
			continue
		}
		if open == nil {
			open = &Stretch{From: s.from}
		}
		open.To = s.to
		open.Bytes, open.Entries = open.Bytes+s.bytes, open.Entries+s.entries
		open.Retries, open.Throttled = open.Retries+s.retries, open.Throttled+s.throttled
		if d := open.To.Sub(open.From); d >= length {
			open.Bytes, open.Entries = open.Bytes/d.Seconds(), open.Entries/d.Seconds()
			list, open = append(list, *open), nil
		}
	}
	return list
}
