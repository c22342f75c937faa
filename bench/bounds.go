package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bounds measures primitives in a child process. Within a round each is measured
// once on two cores, next to the runs that are compared with it.
type bounds struct {
	b      *bench
	engine string // the fastest SHA-256 here
	round  rates
	last   map[string]rates // by pipeline: its own last round, for the report's formulas
	ended  rates            // of the table at the end, for pipelines without a round
}

func newBounds(b *bench) *bounds { return &bounds{b: b, round: rates{}, last: map[string]rates{}} }

func (m *bounds) newRound() { clear(m.round) }

// cores is how many workers the bounds have.
const cores = 2

// span is about how long each primitive runs.
func (m *bounds) span() string {
	if m.b.opts.quick {
		return "0.08s"
	}
	return "0.3s"
}

func (m *bounds) measure(ctx context.Context, workers int, names ...string) (primitiveResult, error) {
	for _, set := range []string{"large", "small"} {
		if err := m.b.sets[set].prepare(ctx, m.b.space.sets); err != nil {
			return primitiveResult{}, err
		}
	}
	for _, name := range names {
		set := map[string]string{"read": "large", "small-read": "small", "small-hash": "small"}[name]
		if set == "" {
			continue
		}
		if err := readAgain(m.b.sets[set].dir); err != nil {
			return primitiveResult{}, err
		}
	}
	size := int64(spread * float64(m.b.sets["large"].Bytes)) // what a load of it writes
	var r primitiveResult
	err := m.b.child(ctx, &r, "primitives", "--names", strings.Join(names, ","), "--cores", fmt.Sprint(workers),
		"--span", m.span(), "--bytes", fmt.Sprint(size),
		"--large", m.b.sets["large"].dir, "--small", m.b.sets["small"].dir, "--tmpfs", m.b.space.mem, "--disk", m.b.space.scratch())
	return r, err
}

// fastest finds the SHA-256 engine that the bounds are made with. Each has three
// turns, and its best one counts: a slow moment must not hide the fastest.
func (m *bounds) fastest(ctx context.Context) (string, error) {
	if m.engine != "" {
		return m.engine, nil
	}
	best := rates{}
	for range 3 {
		r, err := m.measure(ctx, cores, sha256Engines...)
		if err != nil {
			return "", err
		}
		for name, v := range r.Rates {
			best[name] = max(best[name], v)
		}
	}
	m.engine = bestSHA256(best)
	return m.engine, nil
}

// need measures what the round does not have yet.
func (m *bounds) need(ctx context.Context, names ...string) error {
	engine, err := m.fastest(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range names {
		if _, ok := m.round[name]; !ok {
			if name == sha256Best {
				name = engine
			}
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	r, err := m.measure(ctx, cores, missing...)
	if err != nil {
		return err
	}
	maps.Copy(m.round, r.Rates)
	if v, ok := r.Rates[engine]; ok {
		m.round[sha256Best] = v
	}
	return nil
}

// pipeline is a side that stands for a pipeline's bound.
func (m *bounds) pipeline(name string) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		p := pipelines[name]
		if err := m.need(ctx, p.needs()...); err != nil {
			return sample{}, err
		}
		m.last[name] = maps.Clone(m.round)
		return sample{Bound: p.bound(m.round)}, nil
	}
}

// single is a side that stands for one primitive.
func (m *bounds) single(name string) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		err := m.need(ctx, name)
		return sample{Bound: m.round[name]}, err
	}
}

// primitiveRow is a primitive's rate on one core and on two.
type primitiveRow struct {
	Name     string  `json:"name"`
	What     string  `json:"what"`
	Unit     string  `json:"unit"`
	One      float64 `json:"one_core"`
	Two      float64 `json:"two_cores"`
	CPUPerGB float64 `json:"cpu_s_per_gb,omitempty"`
}

// table measures everything once.
func (m *bounds) table(ctx context.Context) ([]primitiveRow, error) {
	var names []string
	for _, p := range primitiveTable {
		names = append(names, p.name)
	}
	one, err := m.measure(ctx, 1, names...)
	if err != nil {
		return nil, err
	}
	two, err := m.measure(ctx, cores, names...)
	if err != nil {
		return nil, err
	}
	var rows []primitiveRow
	for _, p := range primitiveTable {
		if _, ok := two.Rates[p.name]; !ok {
			continue
		}
		row := primitiveRow{Name: p.name, What: p.what, Unit: p.unit, One: one.Rates[p.name], Two: two.Rates[p.name], CPUPerGB: two.CPUPerGB[p.name]}
		if row.Unit == "" {
			row.Unit = string(mbps)
		}
		rows = append(rows, row)
	}
	m.ended = maps.Clone(two.Rates)
	m.ended[sha256Best] = two.Rates[m.engine]
	return rows, nil
}

// formulas of all pipelines, each by the rates of its own last round.
func (m *bounds) formulas() []string {
	lines := []string{fmt.Sprintf("%s is %s, the fastest at the start", sha256Best, m.engine)}
	for _, name := range slices.Sorted(maps.Keys(pipelines)) {
		r, note := m.last[name], ""
		if r == nil {
			r, note = m.ended, " (no row of this run; by the table above)"
		}
		lines = append(lines, name+": "+pipelines[name].formula(r)+note)
	}
	return lines
}
