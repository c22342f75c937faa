package importreport

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// Limits of history.jsonl: the run thins it at a mebibyte.
const (
	maxHistory     = 8 << 20
	maxHistoryLine = 4 << 10
)

// StateSilent is for the time when no process told anything: it was killed, or
// its machine was off.
const StateSilent request.State = "no word from the run"

// StateTime is how long a run was in a state.
type StateTime struct {
	State   request.State `json:"state"`
	Seconds float64       `json:"seconds"`
}

// Band is a stretch of time that a run was not in progress.
type Band struct {
	State request.State `json:"state"`
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
}

// readHistory reads the points in the order of their times. Lines that cannot be
// read, such as the last one of a run that was killed, are counted.
func readHistory(r io.Reader) (points []status.Point, bad int, err error) {
	in := bufio.NewReaderSize(io.LimitReader(r, maxHistory), maxHistoryLine)
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // a power cut may leave zeros for lines
			bad++
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			if err == nil {
				continue
			}
			text = nil
		}
		if err != nil && err != io.EOF {
			return points, bad, fmt.Errorf("%s: line %d: %w", status.HistoryName, len(points)+bad+1, err)
		}
		if err == io.EOF && len(text) == 0 {
			return points, bad, nil
		}
		var p status.Point
		switch {
		case json.Unmarshal(text, &p) != nil || p.Bytes < 0 || p.At.IsZero():
			bad++
		case len(points) > 0 && !p.At.After(points[len(points)-1].At):
			if p.At.Equal(points[len(points)-1].At) {
				points[len(points)-1] = p // two changes of state in one moment
				continue
			}
			bad++ // the clock was put back
		default:
			points = append(points, p)
		}
	}
}

// span is the time between two points.
type span struct {
	from, to           time.Time
	state              request.State
	bytes, entries     float64
	retries, throttled int64
}

func (s span) seconds() float64 { return s.to.Sub(s.from).Seconds() }

// spansOf turns points into spans. A point's state lasts until the next point.
func spansOf(points []status.Point, updated time.Time) []span {
	var spans []span
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		spans = append(spans, span{a.At, b.At, a.State, grown(a.Bytes, b.Bytes), grown(a.Entries, b.Entries),
			int64(grown(a.Retries, b.Retries)), int64(grown(a.Throttle, b.Throttle))})
	}
	markSilence(spans)
	if n := len(points); n > 0 && updated.After(points[n-1].At) && !ended(points[n-1].State) {
		spans = append(spans, span{from: points[n-1].At, to: updated, state: points[n-1].State})
	}
	return spans
}

// grown is what a counter went up by; it begins anew where an ended run is taken up.
func grown[T int64 | uint64](a, b T) float64 {
	if b < a {
		return 0
	}
	return float64(b - a)
}

func ended(s request.State) bool {
	return s == request.StateDone || s == request.StateErrors || s == request.StateCanceled || s == request.StateTaken
}

// Points come about every ten seconds, farther apart where the file was thinned.
// A gap is silence if it stands out from those around it.
const (
	minSilence = 2 * time.Minute
	farGap     = 4
	around     = 5
)

func markSilence(spans []span) {
	var silent []int
	for i, s := range spans {
		if s.state != request.StateRunning || s.to.Sub(s.from) < minSilence {
			continue
		}
		var near []float64
		for j := max(0, i-around); j < min(len(spans), i+around+1); j++ {
			if j != i {
				near = append(near, spans[j].seconds())
			}
		}
		slices.Sort(near)
		if len(near) == 0 || s.seconds() > farGap*near[len(near)/2] {
			silent = append(silent, i)
		}
	}
	for _, i := range silent {
		spans[i].state = StateSilent
	}
}

// timesOf adds up the time in each state, in progress first.
func timesOf(spans []span) []StateTime {
	sum := map[request.State]float64{}
	for _, s := range spans {
		sum[s.state] += s.seconds()
	}
	times := []StateTime{}
	for _, state := range []request.State{request.StateRunning, request.StateHalted, request.StatePaused, request.StateAsleep, request.StateStopped, StateSilent} {
		if sum[state] > 0 {
			times = append(times, StateTime{state, sum[state]})
		}
	}
	return times
}

// bandsOf joins neighbours in one state that is not in progress.
func bandsOf(spans []span) []Band {
	bands := []Band{}
	for _, s := range spans {
		switch n := len(bands); {
		case s.state == request.StateRunning:
		case n > 0 && bands[n-1].State == s.state && bands[n-1].To.Equal(s.from):
			bands[n-1].To = s.to
		default:
			bands = append(bands, Band{s.state, s.from, s.to})
		}
	}
	return bands
}
