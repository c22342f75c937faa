package main

import (
	"bufio"
	"bytes"
	"cmp"
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
)

// limit ends tests that a break lets hang: that is not noticing.
const limit = 10 * time.Minute

// buildFlags build a test binary in half the time: what calls what is not decided anew
// for each of a package's functions, and nobody debugs it. A test is judged with the
// break and without it as these flags build it.
var buildFlags = []string{"-vet=off", "-gcflags=github.com/sledge-io/sledge/...=-l -dwarf=false"}

var errNotBuilt = errors.New("the change does not build")

// try runs go test over the tree with some files replaced, programs that the tests
// build included, until a first test fails. It returns that test's name, or "".
func try(ctx context.Context, root string, files map[string]string, tests []string) (by string, err error) {
	work, err := os.MkdirTemp("", "broken")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	overlay, err := writeOverlay(work, files)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-json", "-count=1", "-failfast"}, buildFlags, tests)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	endsWithItsChildren(cmd)
	var stderr, said bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	by, passed, built := firstFailed(bufio.NewReader(out), &said)
	timeout := ctx.Err()
	if by != "" {
		cancel()
	}
	err = cmd.Wait()
	switch {
	case !built:
		return "", fmt.Errorf("%w: %s", errNotBuilt, bytes.TrimSpace(append(said.Bytes(), stderr.Bytes()...)))
	case by != "":
		return by, nil
	case timeout != nil:
		return "", fmt.Errorf("the tests have not ended in %s", limit)
	case err == nil && passed == 0:
		return "", errors.New("no test was run")
	case err != nil:
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(append(said.Bytes(), stderr.Bytes()...)))
	}
	return "", nil
}

// endsWithItsChildren lets the end of a command's context end what it has started, too.
func endsWithItsChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
}

// writeOverlay writes the files and the list by which the go command finds them.
func writeOverlay(work string, files map[string]string) (string, error) {
	replace := map[string]string{}
	for name, text := range files {
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		replace[abs] = filepath.Join(work, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[abs], []byte(text), 0o666); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(work, "overlay.json")
	return name, os.WriteFile(name, list, 0o666)
}

// firstFailed reads events of go test until a test fails or its package crashes under
// it, and counts those that passed. What does not build is told; its output goes to said.
func firstFailed(in *bufio.Reader, said *bytes.Buffer) (by string, passed int, built bool) {
	dec := json.NewDecoder(in)
	built = true
	running := map[string]string{} // by package, the test that was begun last
	for {
		var e struct{ Action, Package, Test, Output string }
		if dec.Decode(&e) != nil {
			return "", passed, built
		}
		switch {
		case e.Action == "fail" && (e.Test != "" || running[e.Package] != ""):
			return strings.TrimPrefix(e.Package, "github.com/sledge-io/sledge/") + " " + cmp.Or(e.Test, running[e.Package]), passed, built
		case e.Action == "build-fail":
			built = false
		case e.Action == "run":
			running[e.Package] = e.Test
		case e.Action == "pass" && e.Test != "":
			running[e.Package] = ""
			passed++
		case e.Action == "build-output" || e.Action == "output":
			said.WriteString(e.Output)
		}
	}
}
