package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// releaseTree is a small git tree with the Makefile and the scripts of this one. Its go
// program writes the names that it can see into what it is to build.
type releaseTree struct {
	t   *testing.T
	dir string
	bin string
}

func newReleaseTree(t *testing.T) *releaseTree {
	t.Helper()
	for _, program := range []string{"git", "make", "bash", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: %v", program, err)
		}
	}
	r := &releaseTree{t, t.TempDir(), t.TempDir()}
	for _, name := range []string{"Makefile", "scripts/version.sh", "scripts/release.sh", "scripts/release-build.sh", "scripts/verifyflags.sh"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		r.write(r.dir, name, string(text), 0o755)
	}
	r.write(r.dir, ".gitignore", "/build/\n", 0o644)
	r.write(r.dir, "cmd/sledge/main.go", "package main\n", 0o644)
	r.write(r.bin, "go", `#!/bin/sh
while [ "$1" != -o ]; do echo "$1" >>"$ASKED"; shift; done
mkdir -p "$(dirname "$2")" && find . -name '*.go' | sort >"$2"
`, 0o755)
	r.must("git", "init", "-q")
	r.must("git", "add", "-A")
	r.must("git", "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "first")
	return r
}

func (r *releaseTree) write(dir, name, text string, mode os.FileMode) {
	r.t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *releaseTree) run(args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = r.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "VERSION=") && !strings.HasPrefix(v, "MAKE") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PARTS=programs", "PLATFORMS=linux/amd64", "PATH="+r.bin+":"+os.Getenv("PATH"), "ASKED="+filepath.Join(r.bin, "asked"),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *releaseTree) must(args ...string) string {
	r.t.Helper()
	out, err := r.run(args...)
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// A tag is other people's text: none runs in a build, and none that is more than a
// version gets into a program's name.
func TestVersionIsNoCommand(t *testing.T) {
	r := newReleaseTree(t)
	tag := "v1';touch${IFS}build/ran;'"
	r.must("git", "tag", tag)
	for _, args := range [][]string{{"make", "build"}, {"make", "release"}, {"make", "build", "VERSION=v1 -X main.x=y"}, {"make", "build", "VERSION=../v1"}} {
		if out, err := r.run(args...); err == nil || !strings.Contains(out, "is no version") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "build/ran")); err == nil {
		t.Error("the tag's command has run")
	}
	r.must("git", "tag", "-d", tag)
	r.must("git", "tag", "v1.2.3-rc.1+x")
	r.must("make", "build")
	asked, err := os.ReadFile(filepath.Join(r.bin, "asked"))
	if err != nil || !strings.Contains(string(asked), "\n-X main.version=v1.2.3-rc.1+x\n") {
		t.Errorf("%v\n%s", err, asked)
	}
}

// A release holds what git has of the commit, and no other file under its version.
func TestReleaseIsTheCommit(t *testing.T) {
	r := newReleaseTree(t)
	r.must("git", "tag", "v1")
	r.write(r.dir, ".git/info/exclude", "cmd/sledge/hidden.go\n", 0o644)
	r.write(r.dir, "cmd/sledge/hidden.go", "package main\n", 0o644)
	r.must("make", "release")
	files, err := os.ReadFile(filepath.Join(r.dir, "build/release/sledge-v1-linux-amd64"))
	if err != nil || string(files) != "./cmd/sledge/main.go\n" {
		t.Errorf("built from %q, %v", files, err)
	}
	r.write(r.dir, "cmd/sledge/unknown.go", "package main\n", 0o644)
	for _, args := range [][]string{{"make", "release"}, {"make", "release", "VERSION=v2"}} {
		if out, err := r.run(args...); err == nil || !strings.Contains(out, "cmd/sledge/unknown.go") {
			t.Errorf("%q with a file that git does not know: %v\n%s", args, err, out)
		}
	}
}
