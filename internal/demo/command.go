package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sledge-io/sledge/internal/daemon"
)

// call is one call of the real program by one role.
type call struct {
	role   string
	args   []string
	env    []string
	allow  []int // exit codes besides 0
	result any   // where the answer's result is decoded to
}

// Exit codes that the demonstration expects besides 0 (docs/exit-codes.md).
const (
	exitDamage = 8  // damage, and nothing is lost
	exitSource = 11 // source entries were skipped and named
)

// into is c with a place for its result, and exit codes besides 0.
func (c call) into(result any, allow ...int) call {
	c.result, c.allow = result, allow
	return c
}

// answer is what every verb writes with --json.
type answer struct {
	OK     bool            `json:"ok"`
	Exit   int             `json:"exit"`
	Class  string          `json:"class"`
	Error  string          `json:"error"`
	Hints  []string        `json:"hints"`
	Result json.RawMessage `json:"result"`
}

// sledge runs the program and decodes its answer.
func (d *demo) sledge(ctx context.Context, c call) (*answer, error) {
	verb := verbOf(c.args)
	d.calls++
	log := d.path("logs", fmt.Sprintf("%02d-%s.log", d.calls, strings.ReplaceAll(verb, " ", "-")))
	if err := d.keepCommand(c); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, d.bin, append(slices.Clone(c.args), "--json")...)
	cmd.Env = append(ownEnv(), c.env...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	err := runLogged(cmd, log)
	a := &answer{}
	if jsonErr := json.Unmarshal(stdout.Bytes(), a); jsonErr != nil {
		return nil, fmt.Errorf("sledge %s: %w: no answer: %v", verb, errors.Join(err, ctx.Err()), jsonErr)
	}
	if e := os.WriteFile(strings.TrimSuffix(log, ".log")+".json", stdout.Bytes(), 0o600); e != nil {
		return nil, e
	}
	code := cmd.ProcessState.ExitCode()
	if code != a.Exit {
		return nil, fmt.Errorf("sledge %s: exit code %d, but its answer says %d", verb, code, a.Exit)
	}
	if code != 0 && !slices.Contains(c.allow, code) {
		return a, fmt.Errorf("sledge %s: exit code %d (%s): %s\n%s", verb, code, a.Class, a.Error, strings.Join(a.Hints, "\n"))
	}
	if c.result != nil {
		if err := json.Unmarshal(a.Result, c.result); err != nil {
			return a, fmt.Errorf("sledge %s: its answer: %w", verb, err)
		}
	}
	return a, nil
}

// verbOf is the part of the command line before the first argument of the verb.
func verbOf(args []string) string {
	groups := []string{"site", "device", "job", "verify", "pack"}
	if slices.Contains(groups, args[0]) {
		return strings.Join(args[:2], " ")
	}
	return args[0]
}

// keepCommand appends to commands.txt what a reader could type himself.
func (d *demo) keepCommand(c call) error {
	f, err := os.OpenFile(d.path("commands.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	var words []string
	for _, w := range append([]string{"sledge"}, c.args...) {
		if strings.ContainsAny(w, " *?'\"$\\") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	_, err = fmt.Fprintf(f, "# %s\n%s\n", c.role, strings.Join(words, " "))
	return errors.Join(err, f.Close())
}

// ownEnv is the environment without what could lead a role to other keys,
// devices or stores than the demonstration's own.
func ownEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, prefix := range []string{"AWS_", "SLEDGE_", "XDG_RUNTIME_DIR=", "GODEBUG=", "ROOT_", "VGW_"} {
			if strings.HasPrefix(v, prefix) {
				return true
			}
		}
		return false
	})
	return append(env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
}

// runLogged runs a command with its standard error in a file. It has a process
// group of its own, so that a Ctrl-C meets it through us only: it is asked to end,
// and killed with all that it started if it does not.
func runLogged(cmd *exec.Cmd, log string) error {
	f, err := os.Create(log)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd.Stderr = f
	daemon.OwnGroup(cmd)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
}

// clean removes a folder of ours, also one whose folders are read-only.
func clean(dir string) error {
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			return os.Chmod(name, 0o700)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(dir))
}
