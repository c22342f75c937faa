package main

// judge holds every row against its goal.
func judge(rows []row, contests []*contest) []rowResult {
	find := func(contest, name string) *side {
		for _, c := range contests {
			if c.name == contest {
				return c.side(name)
			}
		}
		return nil
	}
	results := make([]rowResult, 0, len(rows))
	for _, r := range rows {
		if r.limit > 0 {
			results = append(results, judgePeak(r, contests))
			continue
		}
		results = append(results, judgeRatio(r, find(r.contest, r.ours), find(r.contest, r.peer)))
	}
	return results
}

func judgeRatio(r row, ours, peer *side) rowResult {
	res := rowResult{Name: r.name, Unit: string(r.unit)}
	if r.goal > 0 {
		res.Goal = &r.goal
	}
	a, b := ours.in(r.unit), peer.in(r.unit)
	res.Ours, res.Peer = summarize(a), summarize(b)
	pairs := ratios(a, b)
	switch {
	case ours.skipped+peer.skipped != "":
		res.Why = ours.skipped + peer.skipped
	case len(pairs) == 0:
		res.Why = "not run"
	default:
		res.Ratio = summarize(pairs)
		res.meet(res.Ratio.Median)
	}
	return res
}

func (r *rowResult) meet(ratio float64) {
	if r.Goal != nil {
		met := ratio >= *r.Goal
		r.Met = &met
	}
}

// judgePeak compares the largest peak of any run with the limit: the ratio is
// how many times it would fit.
func judgePeak(r row, contests []*contest) rowResult {
	res := rowResult{Name: r.name, Unit: "MiB", Goal: &r.goal, Peer: summarize([]float64{float64(r.limit) / mib})}
	var peaks []float64
	for _, c := range contests {
		for _, s := range c.sides {
			if !r.uses(c.name, s.name) {
				continue
			}
			for _, x := range s.samples {
				peaks = append(peaks, float64(x.RSS)/mib)
			}
		}
	}
	if len(peaks) == 0 {
		res.Why = "not run"
		return res
	}
	// The worst run counts, not the middle one.
	res.Ours = summarize(peaks)
	res.Ours.Median = res.Ours.Max
	res.Ratio = summarize([]float64{float64(r.limit) / mib / res.Ours.Max})
	res.meet(res.Ratio.Median)
	return res
}
