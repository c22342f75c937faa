package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/daemon"
	"github.com/sledge-io/sledge/internal/s3test"
)

// refused calls the program and wants an exit code, and one clear line with a
// place, a cause and a next step.
func (w *world) refused(t *testing.T, code int, words string, args ...string) *ran {
	t.Helper()
	r := w.run(args...)
	w.isRefusal(t, r, code, words)
	return r
}

func (w *world) isRefusal(t *testing.T, r *ran, code int, words string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d is wanted: %s", code, r)
	}
	errors, hints := 0, 0
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, "error: ") {
			errors++
		}
		if strings.HasPrefix(line, "hint: ") {
			hints++
		}
	}
	if errors != 1 || hints == 0 {
		t.Errorf("%d error lines and %d hints, instead of one and at least one: %s", errors, hints, r)
	}
	for word := range strings.FieldsSeq(words) {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("%q is not named: %s", word, r)
		}
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func readText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestWrongCodes unlocks with codes that are mistyped or another job's.
func TestWrongCodes(t *testing.T) {
	w := newWorld(t, options{job: []string{"--fips"}})
	other := newWorld(t, options{job: []string{"--fips"}, share: w})
	unlock := func(text string) []string {
		return append([]string{"unlock", "--job", w.path("job.dsse"), "--disk", w.allDisks(), "--code-file", write(t, w.path("typed"), text)}, folders...)
	}
	_, sheet, _ := strings.Cut(readText(t, w.code), "unlock code")
	code := strings.Fields(sheet)[0]
	wrongCharacter := "0" + code[1:]
	if code[0] == '0' {
		wrongCharacter = "1" + code[1:]
	}
	w.refused(t, exitKey, "code", unlock(wrongCharacter)...)
	w.refused(t, exitKey, "code", unlock(code[:len(code)-1])...)
	w.refused(t, exitKey, "code", unlock(readText(t, other.code))...)
	w.refused(t, exitKey, "code", unlock("not a code at all, but a sentence")...)
	w.refused(t, exitUsage, "code", append(unlock("")[:5], folders...)...)
	// Nothing was prepared and nothing is spoilt.
	w.must(unlock(" " + strings.ToLower(code) + "\n")...)
}

// TestWrongJobFiles gives the device job files that it must not obey.
func TestWrongJobFiles(t *testing.T) {
	w := newWorld(t, options{job: []string{"--fips"}})
	foreign := newWorld(t, options{job: []string{"--fips"}})
	sister := newWorld(t, options{job: []string{"--fips"}, share: w})
	unlock := func(job string) []string {
		return append([]string{"unlock", "--job", job, "--disk", w.allDisks(), "--code-file", w.code}, folders...)
	}
	var envelope map[string]any
	good := readText(t, w.path("job.dsse"))
	decode := func() {
		if err := json.Unmarshal([]byte(good), &envelope); err != nil {
			t.Fatal(err)
		}
	}
	save := func(name string) string {
		b, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, w.path(name), string(b))
	}
	decode()
	payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	envelope["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"k":3`, `"k":2`, 1)))
	w.refused(t, exitJob, "altered.dsse", unlock(save("altered.dsse"))...)
	decode()
	envelope["signatures"] = []any{}
	w.refused(t, exitJob, "unsigned.dsse", unlock(save("unsigned.dsse"))...)
	w.refused(t, exitJob, "cut.dsse", unlock(write(t, w.path("cut.dsse"), good[:len(good)/2]))...)
	w.refused(t, exitJob, "empty.dsse", unlock(write(t, w.path("empty.dsse"), ""))...)
	w.refused(t, exitJob, foreign.path("job.dsse"), unlock(foreign.path("job.dsse"))...)
	w.refused(t, exitJob, "not for this device", unlock(sister.path("job.dsse"))...)
	w.refused(t, exitNotFound, "nowhere.dsse", unlock(w.path("nowhere.dsse"))...)
	w.must("job", "create", "--site", w.path("site"), "--device-key", w.path("device", "device.pub"), "--geometry", "3+2",
		"--target", "s3://sledge/x/", "--fips", "--expires", "1s", "--out", w.path("short.dsse"), "--code-out", w.path("short.txt"))
	time.Sleep(1100 * time.Millisecond)
	w.refused(t, exitJob, "expired", "unlock", "--job", w.path("short.dsse"), "--disk", w.allDisks(), "--code-file", w.path("short.txt"))
	w.unlock()
}

// TestWrongDisks brings disks that are not this device's, twice, or too few.
func TestWrongDisks(t *testing.T) {
	src := makeTree(t, 4, 20, 2<<20)
	w := newWorld(t, options{job: []string{"--fips"}})
	other := newWorld(t, options{job: []string{"--fips"}, share: w})
	disk := func(i int) string { return w.path("disks", "d0"+string(rune('0'+i))) }
	unlock := func(disks ...string) []string {
		return append([]string{"unlock", "--job", w.path("job.dsse"), "--code-file", w.code, "--disk", strings.Join(disks, ",")}, folders...)
	}
	w.refused(t, exitDisks, "", unlock(disk(0), disk(1), disk(2))...) // the first unlock wants all
	w.refused(t, exitDisks, disk(0), unlock(disk(0), disk(1), disk(2), disk(3), disk(0))...)
	w.refused(t, exitNotFound, "d09", unlock(disk(0), disk(1), disk(2), disk(3), disk(9))...)
	w.unlock()
	other.unlock()
	w.refused(t, exitDisks, "d04", "load", src, "--disk", strings.Join([]string{disk(0), disk(1), disk(2), disk(3), other.path("disks", "d04")}, ","))
	if err := os.CopyFS(w.mkdir("copy"), os.DirFS(disk(1))); err != nil {
		t.Fatal(err)
	}
	w.refused(t, exitDisks, "copy", "load", src, "--disk", strings.Join([]string{disk(0), disk(1), disk(2), disk(3), w.path("copy")}, ","))
	w.refused(t, exitDisks, "foreign", "load", src, "--disk", strings.Join([]string{disk(0), disk(1), disk(2), disk(3), w.mkdir("foreign")}, ","))
	w.must(w.loadArgs(src)...)
	w.must(w.sealArgs(w.wrapAnswer())...)
	other.must(other.loadArgs(src)...)
	other.must(other.sealArgs(other.wrapAnswer())...)
	w.sealedDisks(t, other, src, disk)
}

// sealedDisks is TestWrongDisks at the data centre.
func (w *world) sealedDisks(t *testing.T, other *world, src string, disk func(int) string) {
	t.Helper()
	extract := func(disks ...string) []string {
		return []string{"extract", w.path("out"), "--site", w.path("site"), "--label", w.path("device.label"), "--disk", strings.Join(disks, ",")}
	}
	// Three of five are needed.
	w.refused(t, exitDisks, "too few", "receive", "--site", w.path("site"), "--label", w.path("device.label"), "--disk", disk(0)+","+disk(1))
	w.refused(t, exitLost, "bays 2, 3, 4", extract(disk(0), disk(1))...)
	w.refused(t, exitDisks, "", extract(w.path("foreign"))...)
	w.refused(t, exitRefused, "label", "extract", w.path("out"), "--site", w.path("site"), "--label", other.path("device.label"), "--disk", w.allDisks())
	w.refused(t, exitUnproven, "", "verify", "disks", "--label", w.path("device.label"), "--disk", w.allDisks())
	w.refused(t, exitKey, "", "extract", w.path("out"), "--trust", w.path("site", "signer.pub"), "--site-key", w.siteKey(t, other), "--label", w.path("device.label"), "--disk", w.allDisks())
	// One disk of another job among them is named, and does no harm.
	r := w.run("verify", "disks", "--trust", w.path("site", "signer.pub"), "--label", w.path("device.label"), "--disk",
		strings.Join([]string{disk(0), disk(1), disk(2), disk(3), other.path("disks", "d04")}, ","))
	if r.code != exitDamage || !strings.Contains(r.stdout, other.path("disks", "d04")) {
		t.Errorf("verify with a disk of another job: %s", r)
	}
	w.compareExtracted(src)
}

// siteKey is the key file of another device's job.
func (w *world) siteKey(t *testing.T, other *world) string {
	t.Helper()
	var job struct{ Job string }
	w.must("job", "show", other.path("job.dsse"), "--trust", w.path("site", "signer.pub"), "--json").result(t, &job)
	return w.path("site", "jobs", job.Job, "site.key")
}

// TestWrongSources loads what is not there, or cannot be loaded as it is.
func TestWrongSources(t *testing.T) {
	src := makeTree(t, 5, 10, 1<<20)
	w := newWorld(t, options{job: []string{"--fips"}})
	w.refused(t, exitState, "", w.loadArgs(src)...) // not unlocked yet
	w.unlock()
	w.refused(t, exitNotFound, "nowhere", w.loadArgs(w.path("nowhere"))...)
	w.refused(t, exitUsage, "empty", w.loadArgs(filepath.Join(src, "empty"))...) // a file
	special := filepath.Join(src, "special")
	l, err := net.Listen("unix", special)
	if err != nil {
		t.Fatal(err)
	}
	r := w.refused(t, exitSource, "1", w.loadArgs(src)...)
	if !strings.Contains(r.stdout, "special") {
		t.Errorf("the socket is not named: %s", r)
	}
	if err := l.Close(); err != nil { // removes the socket
		t.Fatal(err)
	}
	write(t, special, "mended")
	w.must(w.loadArgs(src)...)
	w.refused(t, exitWrap, "", "seal", "--disk", w.allDisks(), "--label-out", w.path("device.label"))
	w.refused(t, exitWrap, "", w.sealArgs("AAAAA-AAAAA")...)
	w.must(w.sealArgs(w.wrapAnswer())...)
	w.refused(t, exitState, "final", w.loadArgs(src)...)
	w.compareExtracted(src)
}

// TestWrongTargets imports into stores that are absent, refuse, or hold the key.
func TestWrongTargets(t *testing.T) {
	t.Parallel() // it waits for retries most of the time
	src := makeTree(t, 6, 30, 20<<20)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	absent, err := daemon.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	w.refused(t, exitTarget, absent, w.importArgs("--endpoint", "http://"+absent, "--retries", "2")...)
	w.refused(t, exitTarget, "", w.importArgs("--target", "s3://no-such-bucket/x/", "--state", w.path("import-x"))...)
	wrong := w.command(w.importArgs()...)
	wrong.Env = append(wrong.Env, "AWS_SECRET_ACCESS_KEY=wrong")
	w.isRefusal(t, w.finish(wrong, nil), exitTarget, "credentials")
	w.refused(t, exitUsage, "", w.importArgs("--target", "ftp://sledge/")...)

	// The key is there already, with other content: it is not touched.
	object := filepath.Join(w.prefixFolder(), "large-0.bin")
	if err := os.MkdirAll(w.prefixFolder(), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, object, "somebody else's")
	r := w.refused(t, exitConflict, "", w.importArgs()...)
	if readText(t, object) != "somebody else's" {
		t.Errorf("an object of others was overwritten: %s", r)
	}
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	w.must(w.importArgs()...) // only what was missing
	w.compareObjects(src)
}

// TestTargetDies has the store answer 503 for a while, and then die half-way. A run
// that may not wait ends; one that may waits, and goes on by itself.
func TestTargetDies(t *testing.T) {
	t.Parallel() // it waits for retries most of the time
	src := makeTree(t, 7, 60, 40<<20)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	p := startProxy(t, server.Endpoint)
	p.fail503.Store(3)
	p.dieAfter.Store(40)
	cmd := w.importArgs("--endpoint", p.endpoint, "--retries", "3")
	r := w.refused(t, exitTarget, "", append(cmd, "--halt-wait", "0")...)
	if p.dieAfter.Load() > 0 {
		t.Fatalf("the import ended before the store died: %s", r)
	}
	p.dieAfter.Store(45)
	halted := make(chan bool, 1)
	go func() {
		for range 1200 {
			status, err := os.ReadFile(w.path("import", "status.json"))
			if err == nil && p.dieAfter.Load() < 0 && bytes.Contains(status, []byte(`"state": "halted: fix needed"`)) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		halted <- p.dieAfter.Load() < 0
		p.dieAfter.Store(1 << 30)
	}()
	w.must(cmd...)
	if !<-halted {
		t.Error("the run did not wait for its operator")
	}
	w.compareObjects(src)
}

// proxy stands before the store and fails on demand.
type proxy struct {
	endpoint string
	fail503  atomic.Int64 // so many requests get "SlowDown"
	dieAfter atomic.Int64 // so many requests are answered, then none
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	p.dieAfter.Store(1 << 30)
	// The store's signature covers the host that the client named.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if p.fail503.Add(-1) >= 0 {
			io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/xml")
			rw.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(rw, `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>slow down</Message></Error>`)
			return
		}
		if p.dieAfter.Add(-1) < 0 {
			panic(http.ErrAbortHandler)
		}
		forward.ServeHTTP(rw, r)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	p.endpoint = "http://" + l.Addr().String()
	return p
}
