package main

import (
	"context"
	"errors"
	"fmt"
)

// sample is what one run showed.
type sample struct {
	usage
	Bytes  int64   `json:"bytes"` // of payload
	Files  int64   `json:"files"`
	Server float64 `json:"server_cpu_s,omitempty"`
	Bound  float64 `json:"bound,omitempty"` // MB/s (or files/s) of a bound: nothing ran
}

// unit is how a row counts.
type unit string

const (
	mbps     unit = "MB/s"
	filesps  unit = "files/s"
	readMBps unit = "MB/s read"
)

func (s sample) in(u unit) float64 {
	switch {
	case s.Bound > 0:
		return s.Bound
	case s.Wall <= 0:
		return 0
	case u == filesps:
		return float64(s.Files) / s.Wall
	case u == readMBps:
		return float64(s.Read) / 1e6 / s.Wall
	}
	return float64(s.Bytes) / 1e6 / s.Wall
}

// perGB is client processor time for 10^9 bytes of payload.
func (s sample) perGB() float64 {
	if s.Bytes == 0 {
		return 0
	}
	return s.cpu() / (float64(s.Bytes) / 1e9)
}

// side is one competitor of a contest.
type side struct {
	name  string
	needs []string // programs
	full  bool     // left out of a quick run, unless asked for by --rows
	how   string   // what is run, with which settings
	run   func(ctx context.Context) (sample, error)

	samples []sample // of the counted rounds
	skipped string   // why it was not run
}

func (s *side) ours() bool { return len(s.needs) == 0 }

// in are the counted runs in a unit.
func (s *side) in(u unit) []float64 {
	var v []float64
	for _, x := range s.samples {
		v = append(v, x.in(u))
	}
	return v
}

// contest is some sides on one set, which take turns.
type contest struct {
	name  string
	set   string
	what  string
	sides []*side
	open  func(ctx context.Context) error // before the first round
	close func() error                    // after the last
	needs []string                        // programs without which there is no contest
	fuse  bool                            // there is none without FUSE
	most  int                             // counted rounds at most, after none that does not count; 0: as asked for
	tmpfs float64                         // peak of memory files, in sizes of the set
	disk  float64                         // the same on the disk
}

func (c *contest) side(name string) *side {
	for _, s := range c.sides {
		if s.name == name {
			return s
		}
	}
	return nil
}

// fullOnly leaves sides out of a quick run.
func (c *contest) fullOnly(names ...string) {
	for _, name := range names {
		c.side(name).full = true
	}
}

// over tells whether nobody is left to run.
func (c *contest) over() bool {
	for _, s := range c.sides {
		if s.skipped == "" {
			return false
		}
	}
	return true
}

// firstRound is the one that does not count. A quick run has none: the median
// of three bears one cold round.
func (b *bench) firstRound(c *contest) int {
	if b.opts.quick || c.most > 0 {
		return 1
	}
	return 0
}

// lastRound is that of all contests, or of one whose rounds take minutes.
func (b *bench) lastRound(c *contest) int {
	switch {
	case c.most == 0:
		return b.opts.pairs
	case b.opts.quick:
		return 1
	}
	return min(c.most, b.opts.pairs)
}

// play lets the chosen sides run in turn: one round that does not count, then
// the counted ones. A peer that fails is named and left out; sledge may not fail.
func (c *contest) play(ctx context.Context, b *bench, wanted map[string]bool) (err error) {
	set := b.sets[c.set]
	if err := set.prepare(ctx, b.space.sets); err != nil {
		return err
	}
	if c.close != nil {
		defer func() { err = errors.Join(err, c.close()) }()
	}
	if err := b.warmth.keep(ctx, b.self, int64((c.tmpfs+c.disk+0.5)*float64(set.Bytes))+b.margin()); err != nil {
		return err
	}
	if c.open != nil {
		if err := c.open(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := b.firstRound(c); round <= b.lastRound(c); round++ {
		b.bounds.newRound()
		for _, s := range c.sides {
			if !wanted[s.name] || s.skipped != "" {
				continue
			}
			x, err := s.run(ctx)
			if err := ctx.Err(); err != nil {
				return err
			}
			if err != nil {
				if s.ours() {
					return fmt.Errorf("%s: %s: %w", c.name, s.name, err)
				}
				s.skipped, s.samples = firstLine(err), nil
				b.say("%s: %s is left out: %v", c.name, s.name, err)
				continue
			}
			if round > 0 {
				s.samples = append(s.samples, x)
			}
			b.tell(c, s, round, x)
		}
	}
	return nil
}
