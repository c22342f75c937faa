package main

import (
	"errors"
	"time"

	"github.com/spf13/pflag"
)

// sourceTimeout is how long one call on a source is waited for; 0 is the default.
type sourceTimeout time.Duration

func (d *sourceTimeout) add(flags *pflag.FlagSet) {
	flags.Var(d, "source-timeout", "how long one call on a network or FUSE source is waited for before its entry is named as not readable (default 10m)")
}

func (d *sourceTimeout) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil || v < time.Second || v > 24*time.Hour {
		return errors.New("a time from 1s to 24h, please, such as 30s or 10m")
	}
	*d = sourceTimeout(v)
	return nil
}

func (d *sourceTimeout) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (*sourceTimeout) Type() string { return "duration" }
