package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// TestMain lets the tests' program be started in the benchmark's other modes, as
// the benchmark starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && modes[os.Args[1]] != nil {
		main()
	}
	os.Exit(m.Run())
}

func TestOptions(t *testing.T) {
	o, err := parseOptions([]string{"--quick", "--rows", "^load-small"}, io.Discard)
	if err != nil || o.pairs != 3 || !o.rows.MatchString("load-small:restic") {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"--rows", "("}, {"--pairs", "-1"}, {"more"}, {"--nothing"}} {
		if _, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v: taken", args)
		}
	}
}

// TestUnknownRow ends before anything is made.
func TestUnknownRow(t *testing.T) {
	work := t.TempDir()
	var stderr strings.Builder
	if code := run(context.Background(), []string{"--rows", "no-such-row", "--work", work + "/w"}, io.Discard, &stderr); code != 1 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if _, err := os.Stat(work + "/w"); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
}
