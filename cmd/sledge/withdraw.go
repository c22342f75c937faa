package main

import (
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
)

// withdraw are the flags of what is gone from a source.
type withdraw struct {
	on    bool
	most  string
	limit appliance.MaxDelete
}

func (f *withdraw) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.on, "withdraw-deleted", false, "have what is gone from the source leave the manifest; see --max-delete")
	flags.StringVar(&f.most, "max-delete", "", "load nothing if more is gone than this: a `NUMBER` of entries, or of a hundred, such as 25% (default 10%)")
}

// check reads the limit.
func (f *withdraw) check() error {
	switch {
	case !f.on && f.most != "":
		return usagef("--max-delete goes with --withdraw-deleted")
	case !f.on:
		return nil
	}
	text := f.most
	if text == "" {
		text = "10%"
	}
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || percent && n > 100 {
		return usagef("--max-delete %q is not a number of entries, such as 500, nor 0%% to 100%%", text)
	}
	f.limit = appliance.MaxDelete{On: true, Entries: n, Percent: percent}
	return nil
}
