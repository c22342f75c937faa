package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
)

// snapshotHooks are the commands that make a snapshot of the sources before a load, and give
// it back after.
type snapshotHooks struct{ before, after string }

func (h *snapshotHooks) add(flags *pflag.FlagSet) {
	flags.StringVar(&h.before, "snapshot-before", "", "run this `COMMAND` of the shell before the load, which needs its exit code 0")
	flags.StringVar(&h.after, "snapshot-after", "", "run this `COMMAND` of the shell after the load, whatever came of it")
}

// errHook: a command of the user's failed.
var errHook = errors.New("the snapshot command failed")

// hookWait is how long a command may take to end once it was told to.
const hookWait = 10 * time.Second

// around runs the load between both commands. The command after it runs also if the load, or
// the command before it, failed or was interrupted.
func (h *snapshotHooks) around(ctx context.Context, a *app, sources []appliance.Place, load func() (report, error)) (r report, err error) {
	if h.after != "" {
		defer func() {
			code := exitDone
			if err != nil {
				code, _ = diagnose(err)
			}
			err = errors.Join(err, a.hook(context.WithoutCancel(ctx), "after", h.after, sources, "SLEDGE_EXIT="+strconv.Itoa(code)))
		}()
	}
	if h.before != "" {
		if err := a.hook(ctx, "before", h.before, sources); err != nil {
			return nil, err
		}
	}
	return load()
}

// hook runs one of them. Its output goes to stderr: stdout has the results. It is given no
// secret: none is in the environment of this process.
func (a *app) hook(ctx context.Context, which, command string, sources []appliance.Place, more ...string) error {
	var roots []string
	for _, p := range sources {
		roots = append(roots, p.Root)
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", command, "sledge"}, roots...)...)
	cmd.Env = append(os.Environ(), "SLEDGE_HOOK="+which, "SLEDGE_SOURCE="+roots[0], "SLEDGE_SOURCES="+strings.Join(roots, "\n"))
	cmd.Env = append(cmd.Env, more...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = hookWait
	if err := cmd.Run(); err != nil {
		flag := "--snapshot-before"
		if which == "after" {
			flag = "--snapshot-after"
		}
		return fmt.Errorf("%w: %s: %w", errHook, flag, err)
	}
	return nil
}
