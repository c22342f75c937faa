package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/demo/treecmp"
	"github.com/sledge-io/sledge/internal/s3test"
)

// program is the sledge that is tested.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Set("test.parallel", "6") // tests wait for disks, stores and retries; -parallel overrides it
	os.Unsetenv("GODEBUG")         // the go command and the S3 server must not run in FIPS mode
	dir, err := os.MkdirTemp("", "sledge-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "sledge")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "github.com/sledge-io/sledge/cmd/sledge")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// world is a data centre, a device with its disks, and what travels between them.
type world struct {
	t      testing.TB
	dir    string
	env    []string
	server *s3test.Server // nil: no import
	prefix string
	code   string // file with the unlock code
}

type options struct {
	geometry string   // default 3+2
	disks    int      // default 5
	job      []string // more flags of job create
	env      []string // more environment of the program
	server   *s3test.Server
	share    *world // of whose site this is another device and job
}

// worlds counts them, so that each has a prefix of its own in a shared store.
var worlds atomic.Int64

// newWorld makes site, device, disks and job.
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	if o.geometry == "" {
		o.geometry = "3+2"
	}
	if o.disks == 0 {
		o.disks = 5
	}
	shm, err := os.MkdirTemp("/dev/shm", "sledge-e2e-") // secrets want memory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	w := &world{t: t, dir: t.TempDir(), server: o.server, prefix: fmt.Sprintf("run-%d/", worlds.Add(1))}
	w.code = w.path("code.txt")
	w.env = append(cleanEnv(), "XDG_RUNTIME_DIR="+shm, "SLEDGE_DEVICE="+w.path("device"))
	w.env = append(w.env, o.env...)
	bucket := "sledge"
	if o.server != nil {
		w.env = append(w.env, "AWS_ACCESS_KEY_ID="+o.server.AccessKey, "AWS_SECRET_ACCESS_KEY="+o.server.SecretKey)
		bucket = o.server.Bucket
	}
	for i := range o.disks {
		w.mkdir("disks", fmt.Sprintf("d%02d", i))
	}
	w.mkdir("device")
	if o.share != nil {
		if err := os.Symlink(o.share.path("site"), w.path("site")); err != nil {
			t.Fatal(err)
		}
	} else {
		w.must("site", "init", w.path("site"), "--name", "Test")
	}
	w.must("device", "init", "--trust", w.path("site", "signer.pub"))
	args := append([]string{"job", "create", "--site", w.path("site"), "--device-key", w.path("device", "device.pub"),
		"--geometry", o.geometry, "--bays", fmt.Sprint(o.disks), "--block-size", "64KiB", "--pack-size", "4MiB",
		"--target", "s3://" + bucket + "/" + w.prefix, "--profile", "versitygw",
		"--out", w.path("job.dsse"), "--code-out", w.code}, o.job...)
	w.must(args...)
	return w
}

// cleanEnv is the environment without what could lead to other keys or stores.
func cleanEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, prefix := range []string{"AWS_", "SLEDGE_", "XDG_RUNTIME_DIR="} {
			if strings.HasPrefix(v, prefix) {
				return true
			}
		}
		return false
	})
	return append(env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

func (w *world) mkdir(elem ...string) string {
	w.t.Helper()
	if err := os.MkdirAll(w.path(elem...), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return w.path(elem...)
}

// ran is how a call ended.
type ran struct {
	code           int
	stdout, stderr string
}

func (r *ran) String() string {
	return fmt.Sprintf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
}

// result decodes the answer of a call with --json.
func (r *ran) result(t testing.TB, to any) {
	t.Helper()
	a := struct{ Result any }{to}
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = w.env, w.dir
	return cmd
}

// run calls the program.
func (w *world) run(args ...string) *ran {
	w.t.Helper()
	return w.finish(w.command(args...), nil)
}

// finish runs a command to its end; started is called once it runs.
func (w *world) finish(cmd *exec.Cmd, started func()) *ran {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err == nil {
		if started != nil {
			started()
		}
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	r := &ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "panic:") {
		w.t.Errorf("sledge %s: a stack trace: %s", strings.Join(cmd.Args[1:], " "), r)
	}
	return r
}

// must calls the program and wants exit code 0.
func (w *world) must(args ...string) *ran {
	w.t.Helper()
	r := w.run(args...)
	if r.code != 0 {
		w.t.Fatalf("sledge %s: %s", strings.Join(args, " "), r)
	}
	return r
}

func (w *world) allDisks() string { return w.path("disks", "d??") }

// folders let plain folders pass as disks, wherever the tests' folders are.
var folders = []string{"--allow-shared", "--allow-filesystem", "tmpfs,overlay,fuse"}

func (w *world) unlockArgs() []string {
	return append([]string{"unlock", "--job", w.path("job.dsse"), "--disk", w.allDisks(), "--code-file", w.code}, folders...)
}

func (w *world) unlock() *ran {
	w.t.Helper()
	return w.must(w.unlockArgs()...)
}

func (w *world) loadArgs(src string) []string { return []string{"load", src, "--disk", w.allDisks()} }

// wrapAnswer asks the site whether it can open what the device wrote.
func (w *world) wrapAnswer() string { w.t.Helper(); return w.wrapAnswerBeside(0) }

// wrapAnswerBeside has the wrap check written by a status that ends with code:
// a bad disk is told there too, and keeps nobody from the wrap check.
func (w *world) wrapAnswerBeside(code int) string {
	w.t.Helper()
	file := w.path("device.wrapcheck")
	if r := w.run("status", "--disk", w.allDisks(), "--wrap-check", file); r.code != code {
		w.t.Fatalf("status, not with %d: %s", code, r)
	}
	var r struct{ Answer string }
	w.must("site", "check-wrap", file, "--site", w.path("site"), "--json").result(w.t, &r)
	return r.Answer
}

func (w *world) sealArgs(answer string) []string {
	return []string{"seal", "--disk", w.allDisks(), "--wrap-answer", answer, "--label-out", w.path("device.label")}
}

// centre are the flags by which the data centre opens the device.
func (w *world) centre() []string {
	return []string{"--site", w.path("site"), "--label", w.path("device.label"), "--disk", w.allDisks()}
}

// trust are the flags of who holds no key.
func (w *world) trust() []string {
	return []string{"--trust", w.path("site", "signer.pub"), "--label", w.path("device.label"), "--disk", w.allDisks()}
}

func (w *world) importArgs(more ...string) []string {
	args := append([]string{"import", "run", "--state", w.path("import"), "--endpoint", w.server.Endpoint, "--path-style"}, w.centre()...)
	return append(args, more...)
}

// prefixFolder is where the server keeps what was imported.
func (w *world) prefixFolder() string { return filepath.Join(w.server.BucketFolder(), w.prefix) }

// sealed brings a source all the way to a sealed device.
func (w *world) sealed(src string) {
	w.t.Helper()
	w.unlock()
	w.must(w.loadArgs(src)...)
	w.must(w.sealArgs(w.wrapAnswer())...)
}

// compareObjects holds the store's own files against the source.
func (w *world) compareObjects(src string) {
	w.t.Helper()
	if err := treecmp.Objects(src, w.prefixFolder(), nil).Err(); err != nil {
		w.t.Errorf("objects differ from the source:\n%v", err)
	}
}

// compareExtracted extracts the device and holds it against the source.
func (w *world) compareExtracted(src string) {
	w.t.Helper()
	out, err := os.MkdirTemp(w.dir, "extracted-")
	if err != nil {
		w.t.Fatal(err)
	}
	if r := w.run(append([]string{"extract", out}, w.centre()...)...); r.code != 0 {
		w.t.Errorf("extract: %s", r)
		return
	}
	if err := treecmp.Extracted(src, out, nil).Err(); err != nil {
		w.t.Errorf("what was extracted differs from the source:\n%v", err)
	}
	os.RemoveAll(out)
}

// makeTree writes a source: small files, large ones, links, empty things, names
// that are hard to quote. The same seed makes the same bytes.
func makeTree(t testing.TB, seed uint64, files int, large ...int) string {
	t.Helper()
	root := t.TempDir()
	rng := rand.NewChaCha8([32]byte{byte(seed)})
	when := time.Unix(1_700_000_000, 123456789)
	write := func(name string, size int) {
		t.Helper()
		full := filepath.Join(root, name)
		p := make([]byte, size)
		rng.Read(p)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, p, 0o640), os.Chtimes(full, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		write(fmt.Sprintf("many/%02d/file-%03d.bin", i%7, i), int(rng.Uint64()%9000))
	}
	for i, size := range large {
		write(fmt.Sprintf("large-%d.bin", i), size)
	}
	write("empty", 0)
	write("with space, ümlaut & 'quotes'", 100)
	err := errors.Join(
		os.MkdirAll(filepath.Join(root, "empty folder", "deeper"), 0o700),
		os.Symlink("../nowhere", filepath.Join(root, "link")),
		os.Link(filepath.Join(root, "empty"), filepath.Join(root, "zz-empty")),
	)
	if files > 0 {
		err = errors.Join(err, os.Link(filepath.Join(root, "many/00/file-000.bin"), filepath.Join(root, "zz-name")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}
