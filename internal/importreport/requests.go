package importreport

import (
	"cmp"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// LimitTime is how long the requests at once were limited by one thing, while the run was in
// progress.
type LimitTime struct {
	Limit   request.Limit `json:"limit"`
	Words   string        `json:"words"`
	Seconds float64       `json:"seconds"`
}

// limitTold is from how many seconds on a limit is told in the text: of a short run it says
// little.
const limitTold = 60

// maxDecisions bounds the list of decisions, however long the run was.
const maxDecisions = 480

// decisionsOf are what the points say of the requests at once, in the order of time. Each point's
// own word comes after its steps.
func decisionsOf(points []status.Point) (list []request.Decision) {
	for _, p := range points {
		list = append(list, p.Steps...)
		list = append(list, request.Decision{At: p.At, Requests: p.Requests, Limit: p.Limit})
	}
	slices.SortStableFunc(list, func(a, b request.Decision) int { return a.At.Compare(b.At) })
	return list
}

// fewer leaves out what repeats the one before, and then each second one until there are not too
// many. The last one stays.
func fewer(list []request.Decision) []request.Decision {
	kept := slices.CompactFunc(slices.Clone(list), func(a, b request.Decision) bool {
		return a.Requests == b.Requests && a.Limit == b.Limit
	})
	for len(kept) > maxDecisions {
		half := kept[:0:0]
		for i, d := range kept {
			if (len(kept)-1-i)%2 == 0 {
				half = append(half, d)
			}
		}
		kept = half
	}
	if kept == nil {
		return []request.Decision{}
	}
	return kept
}

// markRequests gives each step of the curve the most requests at once that it has seen.
func markRequests(curve []Rate, list []request.Decision) {
	if len(curve) < 2 {
		return
	}
	step, now, next := curve[1].At.Sub(curve[0].At), 0, 0
	for i := range curve {
		end, most := curve[i].At.Add(step), now
		for ; next < len(list) && (list[next].At.Before(end) || i == len(curve)-1); next++ {
			now = max(0, list[next].Requests)
			most = max(most, now)
		}
		curve[i].Requests = float64(most)
	}
}

// limitTimesOf adds up the time in progress by what has limited the requests, the longest first.
func limitTimesOf(spans []span, list []request.Decision) []LimitTime {
	sum := map[request.Limit]float64{}
	for i, d := range list {
		end := d.At
		if i+1 < len(list) {
			end = list[i+1].At
		} else if len(spans) > 0 {
			end = spans[len(spans)-1].to
		}
		if d.Limit.Words() == "" {
			continue // not known, or of a later version
		}
		for _, s := range spansWithin(spans, d.At, end) {
			sum[d.Limit] += s.seconds()
		}
	}
	times := []LimitTime{}
	for limit, seconds := range sum {
		if seconds > 0 {
			times = append(times, LimitTime{limit, limit.Words(), seconds})
		}
	}
	slices.SortFunc(times, func(a, b LimitTime) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Limit, b.Limit))
	})
	return times
}

// spansWithin are the parts of the spans in progress between two moments.
func spansWithin(spans []span, from, to time.Time) (parts []span) {
	first, _ := slices.BinarySearchFunc(spans, from, func(s span, t time.Time) int {
		if s.to.After(t) {
			return 0
		}
		return -1
	})
	for _, s := range spans[first:] {
		if !s.from.Before(to) {
			break
		}
		if s.from.Before(from) {
			s.from = from
		}
		if s.to.After(to) {
			s.to = to
		}
		if s.state == request.StateRunning {
			parts = append(parts, s)
		}
	}
	return parts
}
