package importreport

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// adaptedRun is a run whose requests at once grew, were cut, and grew again, with a pause between.
func adaptedRun() aRun {
	w := newWalk().run(request.StateRunning, 60, 50e6, 300).run(request.StatePaused, 30, 0, 0).run(request.StateRunning, 60, 50e6, 300)
	points := w.end(request.StateDone)
	for i := range points {
		p := &points[i]
		switch {
		case i == 0:
			p.Requests = 16
		case i == 1:
			p.Requests, p.Limit = 128, request.LimitLink
			for j, n := range []int{32, 64, 128} {
				p.Steps = append(p.Steps, request.Decision{At: p.At.Add(time.Duration(j-5) * time.Second), Requests: n, Limit: request.LimitGrowing})
			}
		case i < 120:
			p.Requests, p.Limit = 128, request.LimitLink
		default:
			p.Requests, p.Limit = 40, request.LimitSlowDown
		}
	}
	return aRun{lines: mixedLines(50), state: request.StateDone, points: points}
}

// TestRequestsAtOnce: what the run has decided about its requests is in the page as a chart with
// words, in the text and in the JSON; a pause is nobody's limit.
func TestRequestsAtOnce(t *testing.T) {
	d := read(t, adaptedRun().folder(t))
	if len(d.Limits) < 2 || d.Limits[0].Limit != request.LimitLink {
		t.Fatalf("%+v", d.Limits)
	}
	sum := 0.0
	for _, l := range d.Limits {
		sum += l.Seconds
	}
	if sum < 1150 || sum > 1200 {
		t.Errorf("limited for %v s of 1200 in progress", sum)
	}
	if d.Decisions[0].Requests != 16 || d.Decisions[1].Requests != 32 || d.Decisions[len(d.Decisions)-1].Requests != 40 {
		t.Errorf("%v", d.Decisions)
	}
	if d.Curve[len(d.Curve)/2].Requests != 128 || d.Curve[len(d.Curve)-1].Requests != 40 {
		t.Errorf("%+v", d.Curve)
	}
	page, text := &bytes.Buffer{}, &strings.Builder{}
	r := reportOf(t, d)
	must(t, r.HTML(page))
	r.Text(text)
	for _, words := range []string{request.LimitLink.Words(), request.LimitSlowDown.Words()} {
		if !strings.Contains(page.String(), words) || !strings.Contains(text.String(), "limit       "+words) {
			t.Errorf("%q is not told", words)
		}
	}
	if !strings.Contains(page.String(), "Requests at once from ") {
		t.Error("no chart")
	}
	all, err := json.Marshal(r)
	must(t, err)
	if !bytes.Contains(all, []byte(`"decisions":[{"at":"2026-11-02T08:00:00Z","requests":16}`)) {
		t.Error("no decisions in the JSON")
	}
	page.Reset()
	must(t, reportOf(t, read(t, cleanRun().folder(t))).HTML(page))
	if strings.Contains(page.String(), "Requests at once") {
		t.Error("a chart of what an older version did not tell")
	}
}

// TestDecisionsAreBounded: however often a run has decided, the report lists a bounded number, with
// the last one.
func TestDecisionsAreBounded(t *testing.T) {
	var points []status.Point
	for i := range 20000 {
		points = append(points, status.Point{At: testStart.Add(time.Duration(i) * time.Second), Requests: i, Limit: request.LimitGrowing})
	}
	list := fewer(decisionsOf(points))
	if len(list) > maxDecisions || len(list) < maxDecisions/4 || list[len(list)-1].Requests != 19999 {
		t.Errorf("%d, the last is %v", len(list), list[len(list)-1])
	}
}
