package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/cmdline"
)

// TestArgsNamed: every verb that wants arguments names the first one that is missing,
// and every verb that does not take several refuses one too many.
func TestArgsNamed(t *testing.T) {
	a := &app{out: io.Discard, err: io.Discard}
	with := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if c.HasSubCommands() {
			return
		}
		names := cmdline.ArgNames(c.Use)
		given := []string{}
		for _, name := range names {
			if strings.HasPrefix(name, "[") {
				break
			}
			with++
			want := c.CommandPath() + ": " + cmdline.Bare(name) + " is missing"
			if err := c.Args(c, given); err == nil || err.Error() != want {
				t.Errorf("%q with %d arguments: %v, want %q", c.CommandPath(), len(given), err, want)
			}
			given = append(given, "x")
		}
		if err := c.Args(c, given); err != nil {
			t.Errorf("%q: %v", c.CommandPath(), err)
		}
		if cmdline.SeveralArgs(names) {
			return
		}
		var many *argsError
		if err := c.Args(c, slices.Repeat([]string{"x"}, len(names)+1)); !errors.As(err, &many) || !many.Many {
			t.Errorf("%q takes one argument too many: %v", c.CommandPath(), err)
		}
	}
	walk(a.root())
	if with < 15 {
		t.Errorf("only %d arguments were found", with)
	}
}

func TestArgNames(t *testing.T) {
	for use, want := range map[string]string{
		"load DIR":                             "DIR",
		"init DIR --name NAME":                 "DIR",
		"rebuild --replace DIR":                "",
		"list [PREFIX]":                        "[PREFIX]",
		"acceptance FILE [RECEIPTS...]":        "FILE [RECEIPTS...]",
		"create --site DIR --target s3://B/P/": "",
	} {
		if got := strings.Join(cmdline.ArgNames(use), " "); got != want {
			t.Errorf("%q: %q, want %q", use, got, want)
		}
	}
}
