package main

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   stat
	}{
		{nil, stat{}},
		{[]float64{4}, stat{4, 4, 4}},
		{[]float64{9, 1, 2}, stat{2, 1, 9}},
		{[]float64{4, 1, 3, 2}, stat{2.5, 1, 4}},
	} {
		if got := summarize(c.values); got != c.want {
			t.Errorf("%v: %v, not %v", c.values, got, c.want)
		}
	}
}

// TestRatios divides pairs, not medians: a machine that is half as fast in one
// round changes no ratio.
func TestRatios(t *testing.T) {
	if got := ratios([]float64{100, 50, 100}, []float64{50, 25, 50}); !slices.Equal(got, []float64{2, 2, 2}) {
		t.Error(got)
	}
	if got := ratios([]float64{1, 2}, []float64{0, 4, 5}); !slices.Equal(got, []float64{0.5}) {
		t.Errorf("a missing figure and a missing run: %v", got)
	}
}
