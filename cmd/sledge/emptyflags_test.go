package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestNothingEmpty gives every flag of every verb an empty value: each is refused, so
// that an unset variable of a script switches nothing off.
func TestNothingEmpty(t *testing.T) {
	flags := 0
	eachVerb((&app{}).root(), func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		try := func(f *pflag.Flag) {
			if !strings.HasPrefix(f.Value.Type(), "string") {
				return // the others refuse it when they are read
			}
			flags++
			code, text := runAlone(t, append(path, "--"+f.Name+"=")...)
			if code != exitUsage || !strings.Contains(text, "--"+f.Name+" is given, and its value is empty") {
				t.Errorf("%s --%s=: exit code %d: %s", path, f.Name, code, text)
			}
		}
		cmd.LocalFlags().VisitAll(try)
		cmd.InheritedFlags().VisitAll(try)
	})
	if flags < 150 {
		t.Errorf("only %d flags were tried", flags)
	}
	if code, text := runAlone(t, "verify", "proof", ""); code != exitUsage || !strings.Contains(text, "argument 1 is empty") {
		t.Errorf("an empty argument: exit code %d: %s", code, text)
	}
}

func eachVerb(cmd *cobra.Command, f func(*cobra.Command)) {
	if len(cmd.Commands()) == 0 {
		f(cmd)
	}
	for _, c := range cmd.Commands() {
		eachVerb(c, f)
	}
}

// runAlone runs a command in this process and gives what it wrote to stderr.
func runAlone(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	code = run(args, null, null, f)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return code, string(text)
}
