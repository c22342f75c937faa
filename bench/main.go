// Command bench measures sledge as whole processes, beside the machine's own
// limits and beside what people use today, all in one run:
//
//	make bench              # everything, most of an hour
//	make bench-quick        # small sets, under three minutes
//	go run ./bench --quick --rows 'load-large-tmpfs-parts'
//	go run ./bench --list
//
// The path of a figure: a set is made (dataset.go); a contest lets its sides run
// in turn, round by round, each measured from outside (contest.go, measure.go);
// a row compares two sides pair by pair and holds the median ratio against its
// goal (rows.go, stats.go); all rows go to the terminal, report.md and
// report.json (report.go). docs/performance.md explains how to read them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

// options are the command line.
type options struct {
	quick, list, keep bool
	rows              *regexp.Regexp // nil: all
	pairs             int
	work, tmpfs, out  string
	docs              string
	job               string // more flags of job create
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// modes are what the benchmark starts itself as, so that its own process stays
// small: a child's peak memory is never below its parent's.
var modes = map[string]func(context.Context, []string, io.Writer) error{
	"primitives": runPrimitives,
	"upload":     runUpload,
	"sums":       runSums,
	"sink":       runSink,
	"warm":       runWarm,
	"slowfs":     runSlowFS,
	"slownet":    runSlowNet,
	"sequential": runSequential,
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := func() error {
		if len(args) > 0 {
			if mode, ok := modes[args[0]]; ok {
				return mode(ctx, args[1:], stdout)
			}
		}
		o, err := parseOptions(args, stderr)
		if err != nil {
			return err
		}
		if o.list {
			return listRows(stdout, o)
		}
		return measureAll(ctx, o, stdout)
	}()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "bench: interrupted; what it made is removed")
		return 130
	}
	fmt.Fprintf(stderr, "bench: %v\n", err)
	return 1
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var rows string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.quick, "quick", false, "small sets, fewer peers, 3 pairs")
	flags.BoolVar(&o.list, "list", false, "list the rows and end")
	flags.BoolVar(&o.keep, "keep", false, "keep the data sets for the next run")
	flags.StringVar(&rows, "rows", "", "only rows whose name matches this `regexp`")
	flags.IntVar(&o.pairs, "pairs", 0, "counted rounds of each contest (default 5, quick 3)")
	flags.StringVar(&o.work, "work", "build/bench/work", "folder on the disk that is measured")
	flags.StringVar(&o.tmpfs, "tmpfs", "/dev/shm", "folder in memory")
	flags.StringVar(&o.out, "out", "build/bench", "folder of report.md and report.json")
	flags.StringVar(&o.docs, "docs", "", "also replace the table in this `file` between its markers")
	flags.StringVar(&o.job, "job", "", "more flags of job create, such as '--block-size=2MiB'")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.pairs == 0 {
		o.pairs = 5
		if o.quick {
			o.pairs = 3
		}
	}
	if o.pairs < 1 || o.pairs > 100 {
		return o, fmt.Errorf("--pairs %d: must be 1 to 100", o.pairs)
	}
	if rows != "" {
		var err error
		if o.rows, err = regexp.Compile(rows); err != nil {
			return o, fmt.Errorf("--rows: %w", err)
		}
	}
	return o, nil
}
