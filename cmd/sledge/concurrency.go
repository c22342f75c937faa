package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance/pace"
)

// concurrency is how many calls on a source are in flight; 0 lets the source decide.
type concurrency int

func (c *concurrency) add(flags *pflag.FlagSet) {
	flags.Var(c, "source-concurrency", "calls on the source that are in flight, 1 to "+strconv.Itoa(pace.MaxConcurrency)+" (default: as many as make it faster)")
}

func (c *concurrency) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > pace.MaxConcurrency {
		return fmt.Errorf("a number from 1 to %d, please", pace.MaxConcurrency)
	}
	*c = concurrency(n)
	return nil
}

func (c *concurrency) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

func (*concurrency) Type() string { return "number" }
