package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/daemon"
)

// command is one process to be run.
type command struct {
	args   []string
	env    []string // added to the clean environment
	dir    string
	stdout string // a file; "": thrown away
}

// usage is what one run took, seen from outside, over all its processes.
type usage struct {
	Wall float64 `json:"wall_s"`
	User float64 `json:"user_s"`
	Sys  float64 `json:"sys_s"`
	RSS  int64   `json:"peak_rss_bytes"` // of the largest process
	Read int64   `json:"read_bytes"`     // asked for by read calls, from cache or disk
}

// cpu is processor time in seconds.
func (u usage) cpu() float64 { return u.User + u.Sys }

// processes runs pipelines, one at a time, each process in a group of its own.
type processes struct {
	log string // what they print; the tail is shown when one fails
}

// run measures a pipeline from its first start to its last end.
func (p *processes) run(ctx context.Context, limit time.Duration, pipeline ...command) (usage, error) {
	var u usage
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done in %v", limit))
	defer cancel()
	log, err := os.Create(p.log)
	if err != nil {
		return u, err
	}
	defer log.Close()
	cmds, err := connect(ctx, log, pipeline)
	if err != nil {
		return u, err
	}
	began := time.Now()
	var failures []error
	started := 0
	for _, cmd := range cmds {
		err := cmd.Start()
		closePipes(cmd) // the child has them
		if err != nil {
			failures = append(failures, err)
			cancel()
			break
		}
		started++
	}
	for _, cmd := range cmds[started:] {
		closePipes(cmd)
	}
	for _, cmd := range cmds[:started] {
		if err := u.wait(cmd); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err))
		}
	}
	u.Wall = time.Since(began).Seconds()
	if cause := context.Cause(ctx); cause != nil {
		failures = append(failures, cause)
	}
	if len(failures) > 0 {
		return u, fmt.Errorf("%w\n%s", errors.Join(failures...), tail(p.log))
	}
	return u, nil
}

// connect makes the pipeline's processes, the output of each the next one's input.
func connect(ctx context.Context, log *os.File, pipeline []command) ([]*exec.Cmd, error) {
	var cmds []*exec.Cmd
	var input *os.File
	for i, c := range pipeline {
		cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
		cmd.Env, cmd.Dir, cmd.Stderr = append(cleanEnv(), c.env...), c.dir, log
		ownGroup(cmd)
		if input != nil {
			cmd.Stdin = input
		}
		switch {
		case i < len(pipeline)-1:
			r, w, err := os.Pipe()
			if err != nil {
				return nil, err
			}
			// The largest pipe that every user may have: fairest to pipelines.
			_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 1<<20)
			cmd.Stdout, input = w, r
		case c.stdout != "":
			f, err := os.Create(c.stdout)
			if err != nil {
				return nil, err
			}
			cmd.Stdout = f
		}
		cmds = append(cmds, cmd)
	}
	return cmds, nil
}

func closePipes(cmd *exec.Cmd) {
	for _, end := range []any{cmd.Stdin, cmd.Stdout} {
		if f, ok := end.(*os.File); ok && f != nil {
			f.Close()
		}
	}
}

// ownGroup lets a process be ended with all that it started, and ends it with us
// however we end. A Ctrl-C meets it through us only.
func ownGroup(cmd *exec.Cmd) {
	daemon.OwnGroup(cmd)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
}

// wait adds a process that has ended. Between its end and its burial the kernel
// still tells what it has read.
func (u *usage) wait(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	u.Read += readBytes(pid)
	err := cmd.Wait()
	_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left behind
	if state := cmd.ProcessState; state != nil {
		u.User += state.UserTime().Seconds()
		u.Sys += state.SystemTime().Seconds()
		if r, ok := state.SysUsage().(*syscall.Rusage); ok {
			u.RSS = max(u.RSS, r.Maxrss<<10)
		}
	}
	return err
}

func readBytes(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "rchar: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

// cleanEnv is the environment without what could lead a program to other keys,
// stores or settings than the benchmark's own.
func cleanEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, prefix := range []string{"AWS_", "SLEDGE_", "RESTIC_", "KOPIA_", "RCLONE_", "MINIO_", "S3_", "XDG_RUNTIME_DIR=", "GODEBUG=", "GOGC=", "GOMAXPROCS=", "GOMEMLIMIT=", "ROOT_", "VGW_"} {
			if strings.HasPrefix(v, prefix) {
				return true
			}
		}
		return false
	})
	return append(env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
}

// tail is the end of a log, for an error.
func tail(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 2000
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-most), io.SeekStart)
	}
	text, _ := io.ReadAll(f)
	return string(bytes.TrimSpace(text))
}
