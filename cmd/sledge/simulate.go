package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/simulator"
)

// errFindings: the simulator found something that may not be.
var errFindings = errors.New("an invariant did not hold")

type simulateReport struct{ *simulator.Summary }

func (r simulateReport) Print(w io.Writer) { r.Summary.Print(w, version) }

func (a *app) simulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "simulate devices and stores with faults, and check that no data is lost",
		Long: `Each life makes a site, a job and a device in memory. It loads, seals, ships, verifies
and imports it, while disks, power, carrier, operator, clock and store fail as the seed
says. A plain map of the source says what is right. Nothing acknowledged may be lost,
nothing may be wrong and called right, nobody's object may be touched.

No disk and no network is used, except that extract may write into TMPDIR. A third of
the lives import with the journal in the target, another third publish all or nothing.

A finding is shrunk to the troubles that it needs, and printed with the command that
replays it. The order of operations varies, so try a replay several times.`,
		Example: `  sledge simulate --seed 1 --lives 100
  sledge simulate --seed 7 --lives 50 --faults power-cut,host-crash,requests-fail
  sledge simulate --list`,
	}
	flags := cmd.Flags()
	seed := flags.Uint64("seed", 1, "of the first life; each next life has the next number")
	lives := flags.Int("lives", 20, "how many")
	faults := flags.StringSlice("faults", nil, "only these troubles (see --list)")
	only := flags.String("only", "", "of a life's events only these, by number: for a replay")
	list := flags.Bool("list", false, "list the troubles")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		if *list {
			return troubleList(simulator.Troubles()), nil
		}
		if *lives < 1 {
			return nil, usagef("--lives %d: must be at least 1", *lives)
		}
		o := simulator.Options{Seed: *seed, Lives: *lives}
		var err error
		if o.Faults, err = parseTroubles(*faults); err != nil {
			return nil, err
		}
		if o.Only, err = parseOnly(*only); err != nil {
			return nil, err
		}
		m := a.meter("simulate")
		defer m.End()
		done, entries := int64(0), uint64(0)
		o.Each = func(r *simulator.Result) {
			done++
			entries += uint64(r.Entries)
			m.Tell(progress.Sample{Phase: "simulate", Files: done, TotalFiles: int64(*lives), Unit: "lives", More: plural(entries, "entry")})
		}
		s := simulator.Run(ctx, o)
		m.End()
		switch {
		case len(s.Findings) > 0:
			return simulateReport{s}, fmt.Errorf("%w: %s", errFindings, plural(uint64(len(s.Findings)), "finding"))
		case ctx.Err() != nil:
			return simulateReport{s}, context.Cause(ctx)
		}
		return simulateReport{s}, nil
	})
}

type troubleList []simulator.Trouble

func (l troubleList) Print(w io.Writer) {
	for _, t := range l {
		fmt.Fprintln(w, t)
	}
}

func parseTroubles(names []string) (chosen []simulator.Trouble, err error) {
	for _, name := range names {
		t := simulator.Trouble(name)
		if !slices.Contains(simulator.Troubles(), t) {
			return nil, hint(usagef("--faults %s: no such trouble", escape(name)), "sledge simulate --list")
		}
		chosen = append(chosen, t)
	}
	return chosen, nil
}

// parseOnly reads numbers with commas between them, or "none".
func parseOnly(text string) (only []int, err error) {
	switch text {
	case "":
		return nil, nil
	case "none":
		return []int{}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, usagef("--only %s: must be numbers with commas between them", escape(text))
		}
		only = append(only, n)
	}
	return only, nil
}
