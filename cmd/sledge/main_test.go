package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sledge": main})
}

// TestScript runs the command as people do: testdata/script/*.txtar.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Secrets need memory: a folder of the test's own in /dev/shm.
			shm, err := os.MkdirTemp("/dev/shm", "sledge-script-")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(shm) })
			env.Setenv("ESC", "\x1b")
			env.Setenv("XDG_RUNTIME_DIR", shm)
			env.Setenv("SLEDGE_DEVICE", filepath.Join(env.WorkDir, "dev"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "setfrom": setFrom},
	})
}

// exits runs sledge and compares its exit code: exits 2 sledge load /nowhere.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE sledge ARG…")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// setFrom sets a variable to the second field of the last command's line that
// begins with a word: setfrom JOB job.
func setFrom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setfrom VARIABLE WORD")
	}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == args[1] {
			ts.Setenv(args[0], f[1])
			return
		}
	}
	ts.Fatalf("no line begins with %s", args[1])
}
