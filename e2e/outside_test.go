package e2e

import (
	"encoding/xml"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/demo/treecmp"
	"github.com/sledge-io/sledge/internal/s3test"
)

// The lane of other people's programs (make outside). A guest has one test, TestOutside and
// its name, and subtests for what it shows; scripts/outside.sh fetches it.

// guest is the folder of a guest. Without it the test is skipped by name.
func guest(t *testing.T, name string) string {
	t.Helper()
	all := os.Getenv("SLEDGE_OUTSIDE")
	if all == "" {
		t.Skip("SLEDGE_OUTSIDE is not set (make outside)")
	}
	dir := filepath.Join(all, name)
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		why, _ := os.ReadFile(dir + ".missing") // without it nobody has fetched
		t.Skipf("%s cannot be had: %s (scripts/outside.sh %s)", name, strings.TrimSpace(string(why)), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	t.Cleanup(func() { t.Logf("figure: %s, the whole guest: %.0f s", name, time.Since(began).Seconds()) })
	return dir
}

// foreign is a store that somebody else has written.
type foreign struct {
	plain
	profile string
	flags   []string // what an import into it must allow or ask for
}

// bucket makes one that nobody has used; further headers are those of its making.
func (f foreign) bucket(t *testing.T, name string, header map[string]string) foreign {
	t.Helper()
	f.plain = plain{serverOf(f.server.Endpoint, name, f.server.AccessKey, f.server.SecretKey)}
	if _, err := f.askWith(header, http.MethodPut, "", nil, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// device is a sealed one whose job names the bucket.
func (f foreign) device(t *testing.T, src string) *world {
	t.Helper()
	w := newWorld(t, options{geometry: "2+1", disks: 3, server: f.server, job: []string{"--fips", "--profile", f.profile}})
	w.sealed(src)
	return w
}

// through is the same store behind another address.
func (f foreign) through(endpoint string) foreign {
	f.plain = plain{serverOf(endpoint, f.server.Bucket, f.server.AccessKey, f.server.SecretKey)}
	return f
}

// at is the world whose commands use this store and these keys.
func (w *world) at(f foreign) *world {
	other := *w
	other.server = f.server
	other.env = append(w.env[:len(w.env):len(w.env)], "AWS_ACCESS_KEY_ID="+f.server.AccessKey, "AWS_SECRET_ACCESS_KEY="+f.server.SecretKey)
	return &other
}

// all lists the keys below a prefix, however many pages they have.
func (f foreign) all(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	query := map[string]string{"list-type": "2", "prefix": prefix}
	for {
		text, err := f.ask(http.MethodGet, "", query, nil)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Contents              []struct{ Key string }
			NextContinuationToken string
		}
		if err := xml.Unmarshal(text, &page); err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Contents {
			keys = append(keys, c.Key)
		}
		if page.NextContinuationToken == "" {
			return keys
		}
		query["continuation-token"] = page.NextContinuationToken
	}
}

// holds fetches every object below the prefix and holds it against the source.
func (f foreign) holds(t *testing.T, prefix, src string) {
	t.Helper()
	got := t.TempDir()
	for _, key := range f.all(t, prefix) {
		name := filepath.Join(got, strings.TrimPrefix(key, prefix))
		if strings.HasSuffix(key, "/") {
			if err := os.MkdirAll(name, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		content, err := f.ask(http.MethodGet, key, nil, nil)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := treecmp.Objects(src, got, nil).Err(); err != nil {
		t.Errorf("objects differ from the source:\n%v", err)
	}
}

// verifyArgs asks the store about everything that the receipts say.
func (w *world) verifyArgs(more ...string) []string {
	args := append([]string{"verify", "import", w.path("import", "receipts"), "--endpoint", w.server.Endpoint, "--path-style"}, w.trust()...)
	return append(args, more...)
}

// cancelArgs gives the import up.
func (w *world) cancelArgs(more ...string) []string {
	args := append([]string{"import", "cancel", "--state", w.path("import"), "--endpoint", w.server.Endpoint, "--path-style"}, w.centre()...)
	return append(args, more...)
}

// longest bounds every wait for a run, which takes seconds.
const longest = 3 * time.Minute

// comesTo waits until the run has come so far, and fails where it ends before.
func (b *background) comesTo(t *testing.T, here <-chan struct{}) {
	t.Helper()
	select {
	case <-here:
	case <-b.done:
		t.Fatalf("the run has ended: %s", &b.stderr)
	case <-time.After(longest):
		t.Fatal("the run has not come so far")
	}
}

// killed kills the run where the gate holds it.
func (b *background) killed(t *testing.T, held *gate) {
	t.Helper()
	b.comesTo(t, held.reached)
	b.signal(syscall.SIGKILL)
	<-b.done
	held.open()
}

// halts waits until the run's status tells that it is halted, and by what.
func (b *background) halts(t *testing.T, why string) {
	t.Helper()
	b.until(t, "halts by "+why, func() bool {
		status := b.w.run("import", "status", b.w.path("import"), "--json").stdout
		return strings.Contains(status, `"state":"halted: fix needed"`) && strings.Contains(status, why)
	})
}

// completes waits for a good end.
func (b *background) completes(t *testing.T) {
	t.Helper()
	select {
	case <-b.done:
	case <-time.After(longest):
		t.Fatal("the run does not end")
	}
	if code := b.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, &b.stderr)
	}
}

// TestOutsideMinIO is a whole import into MinIO, which scripts/tools.sh builds. What it does
// with versions and locks is in TestVersionedBucket and TestLockedBucket.
func TestOutsideMinIO(t *testing.T) {
	if os.Getenv("SLEDGE_OUTSIDE") == "" {
		t.Skip("SLEDGE_OUTSIDE is not set (make outside)")
	}
	store := foreign{plain: plain{startMinIO(t)}, profile: "minio"}
	for deadline := time.Now().Add(longest); ; time.Sleep(50 * time.Millisecond) { // it answers, and is not ready
		_, err := store.ask(http.MethodGet, "", map[string]string{"list-type": "2"}, nil)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Run("whole", store.wholeImport)
}

// wholeImport goes from a source to an acceptance, and looks at every byte in between.
func (f foreign) wholeImport(t *testing.T) {
	f = f.bucket(t, "whole", nil)
	src := makeTree(t, 15, 120, 21<<20+7, 8<<20)
	w := f.device(t, src)
	var end importAnswer
	w.must(w.importArgs(append(f.flags, "--json")...)...).result(t, &end)
	if !end.Complete || end.Outcomes["stored"] < 120 {
		t.Errorf("import: %+v", end)
	}
	f.holds(t, w.prefix, src)
	w.must(w.verifyArgs()...)
	w.must(w.verifyArgs("--by", "read-back")...)
	accepted := w.path("acceptance.dsse")
	w.must("accept", w.path("import"), "--site", w.path("site"), "--label", w.path("device.label"), "--disk", w.allDisks(), "--out", accepted)
	w.must("verify", "acceptance", accepted, w.path("import"), "--trust", w.path("site", "signer.pub"))

	var again importAnswer
	w.must(w.importArgs(append(f.flags, "--json", "--run-id", "run-2", "--state", w.path("import-2"))...)...).result(t, &again)
	if !again.Complete || again.Outcomes["stored"] != 0 || again.Outcomes["already-there"] != end.Outcomes["stored"] {
		t.Errorf("a second import: %+v", again)
	}
	gone, other := w.prefix+"many/03/file-003.bin", w.prefix+"many/02/file-002.bin"
	content, err := f.ask(http.MethodGet, other, nil, nil)
	if err != nil || len(content) == 0 {
		t.Fatalf("%d bytes, %v", len(content), err)
	}
	content[0] ^= 1 // of the same size
	f.must(t, http.MethodPut, other, nil, string(content))
	f.must(t, http.MethodDelete, gone, nil, "")
	r := w.run(w.verifyArgs()...)
	if r.code != exitObjects || !strings.Contains(r.stdout+r.stderr, gone) || !strings.Contains(r.stdout+r.stderr, other) {
		t.Errorf("verify import without one object, and with another content of one: %s", r)
	}
}

// serverOf names a store to the tests' world.
func serverOf(endpoint, bucket, accessKey, secretKey string) *s3test.Server {
	return &s3test.Server{Endpoint: endpoint, Region: "us-east-1", Bucket: bucket, AccessKey: accessKey, SecretKey: secretKey}
}

// probe asks the store as "target probe" does, and gives its answers by name.
func (f foreign) probe(t *testing.T, code int, more ...string) (usable bool, answers map[string]string) {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), env: cleanEnv()}
	args := append([]string{"target", "probe", "s3://" + f.server.Bucket + "/probe/", "--endpoint", f.server.Endpoint, "--profile", f.profile, "--json"}, more...)
	r := w.at(f).run(args...)
	if r.code != code {
		t.Errorf("target probe, not with exit code %d: %s", code, r)
	}
	type answer struct{ Name, Answer string }
	var told struct {
		Usable           bool
		Rights, Findings []answer
		Left             []string
	}
	r.result(t, &told)
	if len(told.Left) > 0 || len(f.all(t, "probe/")) > 0 {
		t.Errorf("the probe has left %q, and tells %q", f.all(t, "probe/"), told.Left)
	}
	answers = map[string]string{}
	for _, a := range append(told.Rights, told.Findings...) {
		answers[a.Name] = a.Answer
	}
	return told.Usable, answers
}
