package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/daemon"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "6") // scripts wait for disks and stores; -parallel overrides it
	testscript.Main(m, map[string]func(){"sledge": sameAsVerifier(main)})
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
			if _, err := os.Stat(versitygw()); err == nil {
				env.Setenv("VERSITYGW", versitygw())
			}
			address, err := daemon.FreeAddress()
			if err != nil {
				return err
			}
			crosscheck, err := filepath.Abs("../../scripts/crosscheck")
			if err != nil {
				return err
			}
			env.Setenv("CROSSCHECK", crosscheck)
			env.Setenv("PYTHONDONTWRITEBYTECODE", "1")
			env.Setenv("PORT", strings.TrimPrefix(address, "127.0.0.1:"))
			env.Setenv("ESC", "\x1b")
			env.Setenv("XDG_RUNTIME_DIR", shm)
			env.Setenv("SLEDGE_DEVICE", filepath.Join(env.WorkDir, "dev"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "versitygw":
				_, err := os.Stat(versitygw())
				return err == nil, nil
			case "cryptography": // Python's, for scripts/crosscheck
				return exec.Command("python3", "-c", "import cryptography").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "setfrom": setFrom, "setjob": setJob, "waitport": waitPort, "statewait": stateWait, "beside": beside},
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

// setJob sets a variable to the site key of the first job: setjob KEY site/jobs.
func setJob(ts *testscript.TestScript, neg bool, args []string) {
	keys, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "*", "site.key"))
	if neg || err != nil || len(keys) == 0 {
		ts.Fatalf("no job in %s", args[1])
	}
	ts.Setenv(args[0], keys[0])
}

// versitygw is the S3 server that "make tools" builds.
func versitygw() string {
	tools := os.Getenv("SLEDGE_TOOLS")
	if tools == "" {
		tools, _ = filepath.Abs("../../build/tools")
	}
	return filepath.Join(tools, "versitygw")
}

// waitPort waits until a server listens: waitport 1234.
func waitPort(ts *testscript.TestScript, neg bool, args []string) {
	for range 200 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+args[0]); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("nothing listens on port %s", args[0])
}

// stateWait waits until the run in a state folder says that it is in a state:
// statewait st 'in progress'.
func stateWait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: statewait STATE-FOLDER STATE")
	}
	want := fmt.Sprintf("\"state\": %q", args[1])
	for range 600 {
		text, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), status.Name))
		if err == nil && strings.Contains(string(text), want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s is never %q", args[0], args[1])
}
