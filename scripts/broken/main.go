// Command broken breaks the program on purpose, one small change at a time, and runs
// the tests that must notice it. It fails if one of them does not, or if a change does
// not build. A test that is red without the change, too, has not noticed it. The changes
// are in breaks/*.txt beside it; the tree is not touched.
//
//	broken [-list] [-jobs N] [-only PATTERN] [-n N] [-again] [NAME ...]
//
// What was noticed is kept in build/broken/log, by all that the tree holds but its
// documents: a start after one that was ended goes on there.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	var o options
	flag.BoolVar(&o.list, "list", false, "name the breaks and run nothing")
	flag.BoolVar(&o.again, "again", false, "try also what was noticed by an earlier start in the same tree")
	flag.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "so many breaks are tried at once")
	flag.IntVar(&o.most, "n", 0, "try so many of the breaks at most")
	flag.StringVar(&o.only, "only", "", "try the breaks whose name, or an argument of whose tests, matches this regular expression")
	flag.Parse()
	o.names = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ok, err := run(ctx, ".", o, os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "broken: %v\n", err)
	}
	if !ok || err != nil {
		stop()
		os.Exit(1)
	}
}
