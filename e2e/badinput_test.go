package e2e

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/s3test"
)

// minioArgs imports into MinIO, whose job names another kind of store.
func (w *world) minioArgs(verb string, more ...string) []string {
	args := append([]string{"import", verb, "--state", w.path("import"), "--endpoint", w.server.Endpoint, "--path-style", "--profile", "minio"}, w.centre()...)
	return append(args, more...)
}

// version is one version of a key, or the mark that it was deleted.
type version struct {
	Key       string
	VersionId string
	IsLatest  bool
	deleted   bool
}

// versions lists all of a prefix; the lane's fit on one page.
func (p plain) versions(prefix string) (all []version, err error) {
	text, err := p.ask(http.MethodGet, "", map[string]string{"versions": "", "prefix": prefix}, nil)
	var in struct {
		Version      []version
		DeleteMarker []version
	}
	if err == nil {
		err = xml.Unmarshal(text, &in)
	}
	for i := range in.DeleteMarker {
		in.DeleteMarker[i].deleted = true
	}
	return append(in.Version, in.DeleteMarker...), err
}

// must makes a request that has to work.
func (p plain) must(t *testing.T, method, key string, query map[string]string, body string) {
	t.Helper()
	if _, err := p.ask(method, key, query, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// inBucket starts MinIO and makes a bucket there, with headers of S3's own.
func inBucket(t *testing.T, name string, header map[string]string) plain {
	t.Helper()
	server := startMinIO(t)
	server.Bucket = name
	p := plain{server}
	for range 100 { // ready, and yet not
		_, err := p.askWith(header, http.MethodPut, "", nil, nil)
		if err == nil {
			return p
		}
		if !strings.Contains(err.Error(), "status 503") {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("minio made no bucket in ten seconds")
	return p
}

// TestMinIOAnswers: what MinIO answers to a write is all that its HEAD tells, so that an
// import asks for no object after it has written it.
func TestMinIOAnswers(t *testing.T) {
	server := startMinIO(t)
	to, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // which the signature covers
	}}
	var heads, writes atomic.Int64
	wire := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/.sledge-"):
		case r.Method == http.MethodHead:
			heads.Add(1)
		case r.Method == http.MethodPut:
			writes.Add(1)
		}
		forward.ServeHTTP(rw, r)
	}))
	defer wire.Close()
	src := makeTree(t, 3, 12, 16<<20+100)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	w.must(w.minioArgs("run", "--endpoint", wire.URL)...)
	// What is over a MiB is looked for before it is sent, and no more.
	if writes.Load() < 12 || heads.Load() > 1 {
		t.Errorf("%d HEADs for %d writes", heads.Load(), writes.Load())
	}
	w.must(append([]string{"verify", "import", w.path("import", "receipts"), "--by", "read-back", "--endpoint", server.Endpoint, "--path-style"}, w.trust()...)...)
}

// TestVersionedBucket imports into a bucket that keeps versions. A key whose last
// version was deleted is free. What somebody writes or deletes afterwards is named by
// verify; cancel removes our versions, and nobody else's.
func TestVersionedBucket(t *testing.T) {
	foreign{plain: inBucket(t, "versioned", nil), profile: "minio"}.versionedBucket(t)
}

func (store foreign) versionedBucket(t *testing.T) {
	store.must(t, http.MethodPut, "", map[string]string{"versioning": ""}, `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`)
	src := t.TempDir()
	for _, name := range []string{"kept", "older", "newer", "gone"} {
		write(t, filepath.Join(src, name), "content of "+name)
	}
	w := store.device(t, src)
	store.must(t, http.MethodPut, w.prefix+"older", nil, "an older version")
	store.must(t, http.MethodDelete, w.prefix+"older", nil, "")
	w.must(w.importArgs(store.flags...)...)
	verify := w.verifyArgs("--by", "read-back")
	w.must(verify...)
	if list := readText(t, w.path("import", "receipts", "objects.list")); strings.Count(list, `"version_id":"`) != 4 {
		t.Errorf("the receipts do not name every version: %s", list)
	}
	all, err := store.versions(w.prefix)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(all, func(v version) bool { return strings.Contains(v.Key, ".sledge-probe/") }) {
		t.Errorf("the probe left versions: %v", all)
	}

	store.must(t, http.MethodPut, w.prefix+"newer", nil, "a newer version")
	store.must(t, http.MethodDelete, w.prefix+"gone", nil, "")
	r := w.refused(t, exitObjects, "", verify...)
	for _, name := range []string{"newer", "gone"} {
		if !strings.Contains(r.stdout+r.stderr, w.prefix+name) {
			t.Errorf("verify does not name %s: %s", name, r)
		}
	}

	w.must(w.cancelArgs(append(store.flags, "--delete-objects")...)...)
	left, err := store.versions(w.prefix)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, v := range left {
		if !v.deleted {
			count[strings.TrimPrefix(v.Key, w.prefix)]++
		}
	}
	// Of newer the current version is not ours, and of gone there is none: both stay as they are.
	if want := map[string]int{"older": 1, "newer": 2, "gone": 1}; len(count) != len(want) || count["older"] != 1 || count["newer"] != 2 || count["gone"] != 1 {
		t.Errorf("after the cancel there are %v, want %v (%v)", count, want, left)
	}
	if text, err := store.ask(http.MethodGet, w.prefix+"newer", nil, nil); err != nil || string(text) != "a newer version" {
		t.Errorf("somebody else's newer version: %q, %v", text, err)
	}
	if list := readText(t, w.path("import", "canceled.jsonl")); !strings.Contains(list, `"what":"changed"`) {
		t.Errorf("the cancel does not name what changed: %s", list)
	}
}

// refusal is a store's answer that an operator has to do something about.
type refusal struct {
	status        int
	code, message string
	heads         bool // HEAD is refused, too; its answer has no words
	want          string
}

// refuser stands before a store; after some objects it refuses every further call.
type refuser struct {
	*httptest.Server
	with   atomic.Pointer[refusal] // nil: nothing is refused
	stored atomic.Int64
}

// objectsBefore are stored before the refusal.
const objectsBefore = 4

func startRefuser(t *testing.T, to string) *refuser {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which the signature covers
	}}
	s := &refuser{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && !strings.Contains(r.URL.Path, ".sledge-probe/") {
			s.stored.Add(1)
		}
		with := s.with.Load()
		if with == nil || s.stored.Load() <= objectsBefore || r.Method == http.MethodHead && !with.heads {
			forward.ServeHTTP(rw, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "application/xml")
		rw.WriteHeader(with.status)
		fmt.Fprintf(rw, `<?xml version="1.0"?><Error><Code>%s</Code><Message>%s</Message></Error>`, with.code, with.message)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestRefusedHalfWay: half-way through an import the store refuses to go on. The run
// says by what, loses nothing, and the next start goes on from there.
func TestRefusedHalfWay(t *testing.T) {
	t.Parallel()
	src := makeTree(t, 8, 60, 1<<20)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)
	store := startRefuser(t, server.Endpoint)
	args := w.importArgs("--endpoint", store.URL)
	for _, with := range []refusal{
		{400, "ExpiredToken", "The provided token has expired.", true, "credentials-expired"},
		{403, "InvalidAccessKeyId", "The key does not exist.", false, "credentials-refused"},
		{403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large.", false, "clock-skew"},
		{403, "AccessDenied", "User: u is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy", false, "policy-denied"},
		{403, "QuotaExceeded", "The bucket is full.", false, "target-full"},
		{301, "PermanentRedirect", "Ask the bucket's own endpoint.", false, "wrong-region"},
	} {
		store.stored.Store(0)
		store.with.Store(&with)
		r := w.refused(t, exitTarget, with.want, append(args, "--halt-wait", "0", "--retries", "1", "--concurrency", "2")...)
		if strings.Contains(r.stdout, "failed ") {
			t.Errorf("%s: an object was given up: %s", with.want, r)
		}
	}
	store.with.Store(nil)
	w.must(args...)
	w.compareObjects(src)
}
