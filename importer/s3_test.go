package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/internal/vfs"
)

func s3Options(t *testing.T, server *s3test.Server, disk vfs.FS) Options {
	o := testOptions(t, disk)
	o.Bucket, o.Endpoint, o.Region, o.PathStyle, o.Profile = server.Bucket, server.Endpoint, server.Region, true, "versitygw"
	o.Credentials = &s3.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}
	o.Backoff = 20 * time.Millisecond
	return o
}

func newS3(t *testing.T, o Options) *s3.Bucket {
	t.Helper()
	target, err := NewS3(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// compareS3 reads every object back through a client of its own.
func compareS3(t *testing.T, target target.Reader, s *fakeSource) {
	t.Helper()
	for key, want := range s.objects("in/") {
		body, err := target.Get(context.Background(), key, "")
		if err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		got, err := io.ReadAll(body)
		body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, want %d: %v", key, len(got), len(want), err)
		}
	}
}

func TestS3(t *testing.T) {
	server := s3test.Start(t)
	s, disk := mixed(), memDisk()
	o := s3Options(t, server, disk)
	target := newS3(t, o)
	res := mustRun(t, s, target, o)
	if !res.Complete || res.Tally.Proofs[entry.ProofSHA256] != 8 || !res.Probe.Checking || !res.Probe.Conditional() || !res.Probe.ListsUploads || !res.Probe.AnswersWrites {
		t.Errorf("result %+v", res)
	}
	compareS3(t, target, s)
	if _, err := os.Stat(filepath.Join(server.BucketFolder(), "in", probe.Prefix)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the probe left something: %v", err)
	}
	// Another run finds everything there, read back as well.
	o = s3Options(t, server, memDisk())
	o.RunID, o.ReadBack = "run-2", true
	res = mustRun(t, s, target, o)
	if !res.Complete || res.Tally.Outcomes[entry.OutcomeAlreadyThere] != 8 || res.Tally.Proofs[entry.ProofReadBack] != 8 {
		t.Errorf("again: %+v", res)
	}
	list, err := vfs.ReadFile(disk, "receipts/objects.list", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := audit.Objects(context.Background(), bytes.NewReader(list), target, audit.ObjectOptions{})
	if err != nil || rep.Same != 8 || rep.Differences != 0 {
		t.Errorf("verify: %+v, %v", rep, err)
	}
}

// TestS3Calls tries each answer of a real store that the rest relies on.
func TestS3Calls(t *testing.T) {
	server := s3test.Start(t)
	ctx := context.Background()
	to := newS3(t, s3Options(t, server, nil))
	data := []byte("content")
	right, wrong := sha256.Sum256(data), sha256.Sum256([]byte("else"))
	put := func(key string, sum [32]byte, absent bool) error {
		_, err := to.Put(ctx, target.PutRequest{Key: key, Body: bytes.NewReader(data), Size: 7, SHA256: sum, IfAbsent: absent, Metadata: map[string]string{"sledge-entry": "x"}})
		return err
	}
	expect := func(what string, err error, code target.Code) {
		t.Helper()
		if code == "" && err != nil || code != "" && !target.HasCode(err, code) || target.IsUnknown(err) {
			t.Errorf("%s: %v, want %q", what, err, code)
		}
	}
	expect("put", put("k", right, true), "")
	expect("put again", put("k", right, true), target.CodeKeyExists)
	expect("wrong digest", put("w", wrong, false), target.CodeDigestRefused)
	_, err := to.Head(ctx, "w")
	expect("head of refused", err, target.CodeNotFound)
	obj, err := to.Head(ctx, "k")
	expect("head", err, "")
	if obj.Size != 7 || obj.SHA256 != target.Encode64(right[:]) || obj.Metadata["sledge-entry"] != "x" {
		t.Errorf("head: %+v", obj)
	}
	id, err := to.CreateUpload(ctx, target.CreateRequest{Key: "m"})
	expect("create", err, "")
	part := func(id string, sum [32]byte) (string, error) {
		return to.UploadPart(ctx, target.PartRequest{Key: "m", UploadID: id, Number: 1, Body: bytes.NewReader(data), Size: 7, SHA256: sum})
	}
	_, err = part(id, wrong)
	expect("wrong part", err, target.CodeDigestRefused)
	etag, err := part(id, right)
	expect("part", err, "")
	listed := 0
	expect("list parts", to.ListParts(ctx, "m", id, func(p target.Part) error {
		listed++
		if p.Number != 1 || p.Size != 7 || p.SHA256 != target.Encode64(right[:]) || p.ETag != etag {
			t.Errorf("part %+v", p)
		}
		return nil
	}), "")
	expect("list uploads", to.ListUploads(ctx, "m", func(u target.Upload) error {
		listed++
		if u.ID != id || time.Since(u.Initiated).Abs() > time.Minute {
			t.Errorf("upload %+v", u)
		}
		return nil
	}), "")
	if listed != 2 {
		t.Errorf("%d of a part and an upload were listed", listed)
	}
	complete := func(id, comp string) error {
		_, err := to.CompleteUpload(ctx, target.CompleteRequest{Key: "m", UploadID: id, Size: 7, Composite: comp, IfAbsent: true,
			Parts: []target.Part{{Number: 1, ETag: etag, SHA256: target.Encode64(right[:])}}})
		return err
	}
	if err := complete(id, content.Composite([][32]byte{wrong})); err == nil {
		t.Error("a wrong composite was accepted")
	} else {
		t.Logf("wrong composite: %v", err)
	}
	expect("complete", complete(id, content.Composite([][32]byte{right})), "")
	if err := complete(id, content.Composite([][32]byte{right})); err != nil && !target.HasCode(err, target.CodeUploadGone) {
		t.Errorf("complete again: %v", err)
	}
	if obj, err = to.Head(ctx, "m"); err != nil || !strings.HasPrefix(content.Composite([][32]byte{right}), strings.TrimSuffix(obj.SHA256, "-1")) || obj.ChecksumType != "COMPOSITE" {
		t.Errorf("head of multipart: %+v, %v", obj, err)
	}
	id, err = to.CreateUpload(ctx, target.CreateRequest{Key: "m"})
	expect("create over", err, "")
	etag, err = part(id, right)
	expect("part over", err, "")
	expect("complete over", complete(id, content.Composite([][32]byte{right})), target.CodeKeyExists)
	expect("abort", to.AbortUpload(ctx, "m", id), "")
	expect("abort again", to.AbortUpload(ctx, "m", id), "")
	expect("list parts of none", to.ListParts(ctx, "m", id, nil), target.CodeUploadGone)
}

func TestS3Fixable(t *testing.T) {
	server := s3test.Start(t)
	s := newSource()
	s.file("a", []byte("hello"))
	lists := memDisk()
	mustRun(t, s, newFake(t), testOptions(nil, lists))
	closed := httptest.NewServer(nil)
	closed.Close()
	tests := []struct {
		name   string
		broken func(o *Options)
		code   target.Code
	}{
		{"wrong secret", func(o *Options) { o.Credentials.SecretKey = "wrong" }, target.CodeCredentialsRefused},
		{"unknown access key", func(o *Options) { o.Credentials.AccessKey = "nobody" }, target.CodeCredentialsRefused},
		{"no bucket", func(o *Options) { o.Bucket = "no-such-bucket" }, target.CodeNoSuchBucket},
		{"no server", func(o *Options) { o.Endpoint = closed.URL }, target.CodeTargetAbsent},
		{"no such host", func(o *Options) { o.Endpoint = "http://no-such-host.invalid" }, target.CodeTargetAbsent},
		{"TLS to a plain port", func(o *Options) { o.Endpoint = strings.Replace(o.Endpoint, "http:", "https:", 1) }, target.CodeTargetUntrusted},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := s3Options(t, server, memDisk())
			o.Retries = 1
			test.broken(&o)
			res, err := Run(context.Background(), s, newS3(t, o), o)
			if err == nil || res == nil || res.Halt == nil || res.Halt.Code != test.code || res.Halt.Remedy == "" || res.ExitClass() != ExitFixable {
				t.Fatalf("%v, %+v", err, res)
			}
			t.Logf("%v; %s", err, res.Halt.Remedy)
			o.DryRun = true
			if res, err := Run(context.Background(), s, newS3(t, o), o); err == nil || res.ExitClass() != ExitFixable {
				t.Errorf("dry run: %v, %+v", err, res)
			}
			list, _ := vfs.ReadFile(lists, "receipts/objects.list", 1<<20)
			if _, err := audit.Objects(context.Background(), bytes.NewReader(list), newS3(t, o), audit.ObjectOptions{Retries: 1, Backoff: 1}); !target.HasCode(err, test.code) {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

// TestS3BucketName: a bucket name that the store refuses is for the operator to
// mend, whichever call meets it first. HEAD has no body to say why.
func TestS3BucketName(t *testing.T) {
	server := s3test.Start(t)
	s := newSource()
	s.file("a", []byte("hello"))
	lists := memDisk()
	mustRun(t, s, newFake(t), testOptions(nil, lists))
	o := s3Options(t, server, memDisk())
	bad := o
	bad.Bucket = "Bad_Bucket" // Run refuses the name itself, so the target alone has it
	res, err := Run(context.Background(), s, newS3(t, bad), o)
	if !target.HasCode(err, target.CodeNoSuchBucket) || res.ExitClass() != ExitFixable {
		t.Errorf("run: %v, %+v", err, res)
	}
	o.DryRun = true
	if res, err := Run(context.Background(), s, newS3(t, bad), o); !target.HasCode(err, target.CodeNoSuchBucket) || res.ExitClass() != ExitFixable {
		t.Errorf("dry run: %v, %+v", err, res)
	}
	list, _ := vfs.ReadFile(lists, "receipts/objects.list", 1<<20)
	if _, err := audit.Objects(context.Background(), bytes.NewReader(list), newS3(t, bad), audit.ObjectOptions{}); !target.HasCode(err, target.CodeNoSuchBucket) {
		t.Errorf("verify: %v", err)
	}
	if _, err := Run(context.Background(), s, newS3(t, bad), bad); err == nil || target.HasCode(err, target.CodeNoSuchBucket) {
		t.Errorf("options: %v", err)
	}
}

// wire sees requests on their way to the server and may break them.
type wire struct {
	*httptest.Server
	mu   sync.Mutex
	seen func(r *http.Request, body []byte)
	drop func(r *http.Request) bool // the answer is lost
}

func newWire(t *testing.T, server *s3test.Server) *wire {
	return startWire(t, server, httptest.NewServer)
}

func startWire(t *testing.T, server *s3test.Server, start func(http.Handler) *httptest.Server) *wire {
	to, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ErrorLog:     nil,
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) },
	}
	w.Server = start(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.mu.Lock()
		if w.seen != nil {
			w.seen(r, body)
		}
		drop := w.drop != nil && w.drop(r)
		w.mu.Unlock()
		if drop {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// TestPayloadHashOnTheWire looks at what really goes out: the manifest's digest
// signs the payload, and nothing is sent unsigned, in chunks or with a trailer.
func TestPayloadHashOnTheWire(t *testing.T) {
	t.Run("http", func(t *testing.T) { payloadHash(t, httptest.NewServer) })
	t.Run("https", func(t *testing.T) { payloadHash(t, httptest.NewTLSServer) })
}

func payloadHash(t *testing.T, start func(http.Handler) *httptest.Server) {
	server := s3test.Start(t)
	w := startWire(t, server, start)
	if cert := w.Certificate(); cert != nil {
		bundle := filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
		if err := os.WriteFile(bundle, text, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CA_BUNDLE", bundle)
	}
	payloads := map[string]int{}
	w.seen = func(r *http.Request, body []byte) {
		if r.Method != http.MethodPut || strings.Contains(r.URL.Path, ".sledge-") {
			return
		}
		sum := sha256.Sum256(body)
		if got := r.Header.Get("X-Amz-Content-Sha256"); got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: x-amz-content-sha256 is %q", r.URL, got)
		}
		if got := r.Header.Get("X-Amz-Checksum-Sha256"); got != target.Encode64(sum[:]) {
			t.Errorf("%s: x-amz-checksum-sha256 is %q", r.URL, got)
		}
		if r.Header.Get("X-Amz-Trailer") != "" || r.Header.Get("Content-Encoding") != "" || r.ContentLength != int64(len(body)) || !strings.Contains(r.Header.Get("Authorization"), "x-amz-content-sha256") {
			t.Errorf("%s: headers %v", r.URL, r.Header)
		}
		kind := "part"
		if r.URL.Query().Get("partNumber") == "" {
			kind = "put"
			if r.Header.Get("If-None-Match") != "*" {
				t.Errorf("%s is not conditional", r.URL)
			}
		}
		payloads[kind]++
	}
	s := mixed()
	o := s3Options(t, server, memDisk())
	o.Endpoint = w.URL
	mustRun(t, s, newS3(t, o), o)
	if payloads["put"] != 7 || payloads["part"] != 2 {
		t.Errorf("payloads %v", payloads)
	}
}

// TestS3LostReplies loses the answer of each kind of write once.
func TestS3LostReplies(t *testing.T) {
	server := s3test.Start(t)
	for i, call := range []string{"put", "create", "part", "complete"} {
		t.Run(call, func(t *testing.T) {
			w := newWire(t, server)
			lost := false
			w.drop = func(r *http.Request) bool {
				q := r.URL.Query()
				kind := ""
				switch {
				case strings.Contains(r.URL.Path, "sledge-probe"):
				case q.Has("uploads") && r.Method == http.MethodPost:
					kind = "create"
				case q.Has("partNumber"):
					kind = "part"
				case q.Has("uploadId") && r.Method == http.MethodPost:
					kind = "complete"
				case r.Method == http.MethodPut:
					kind = "put"
				}
				hit := kind == call && !lost
				lost = lost || hit
				return hit
			}
			s := mixed()
			o := s3Options(t, server, memDisk())
			o.Endpoint, o.Prefix, o.RunID = w.URL, fmt.Sprintf("lost-%d/", i), fmt.Sprintf("lost-%d", i)
			to := newS3(t, o)
			res := mustRun(t, s, to, o)
			if !lost || !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 8 || res.LeftUploads != 0 {
				t.Errorf("lost %v: %+v", lost, res)
			}
			err := to.ListUploads(context.Background(), o.Prefix+"big", func(u target.Upload) error { return fmt.Errorf("%s was left", u.ID) })
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestS3Resume kills the run in the middle of a large file and the server, too.
func TestS3Resume(t *testing.T) {
	server := s3test.Start(t)
	s := newSource()
	s.file("big", pattern(7, 70<<20))
	s.file("small", []byte("small"))
	disk := memDisk()
	w := newWire(t, server)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	parts := 0
	w.seen = func(r *http.Request, _ []byte) {
		if r.URL.Query().Has("partNumber") && !strings.Contains(r.URL.Path, ".sledge-") {
			if parts++; parts == 3 {
				cancel()
			}
		}
	}
	o := s3Options(t, server, disk)
	o.Endpoint = w.URL
	if res, err := Run(ctx, s, newS3(t, o), o); err == nil || !res.Interrupted {
		t.Fatalf("%v, %+v", err, res)
	}
	sent := parts
	server.Kill()
	o.Retries = 1
	if res, err := Run(context.Background(), s, newS3(t, o), o); err == nil || res.ExitClass() != ExitFixable {
		t.Fatalf("without a server: %v, %+v", err, res)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	parts = 0
	res := mustRun(t, s, newS3(t, o), o)
	if !res.Complete || res.PartsKept != int64(sent) || parts+sent != 5 {
		t.Errorf("%d parts sent before, %d now, %d kept: %+v", sent, parts, res.PartsKept, res)
	}
	compareS3(t, newS3(t, o), s)
}

// TestS3Conflict leaves an object of someone else alone.
func TestS3Conflict(t *testing.T) {
	server := s3test.Start(t)
	s := mixed()
	o := s3Options(t, server, memDisk())
	to := newS3(t, o)
	for _, key := range []string{"in/a", "in/big"} {
		_, err := to.Put(context.Background(), target.PutRequest{Key: key, Body: strings.NewReader("mine"), Size: 4, SHA256: sha256.Sum256([]byte("mine"))})
		if err != nil {
			t.Fatal(err)
		}
	}
	res := mustRun(t, s, to, o)
	if res.Tally.Outcomes[entry.OutcomeConflict] != 2 || res.Tally.Outcomes[entry.OutcomeStored] != 6 || res.ExitClass() != ExitIncomplete {
		t.Errorf("result %+v", res)
	}
	if obj, err := to.Head(context.Background(), "in/big"); err != nil || obj.Size != 4 {
		t.Errorf("the other object: %+v, %v", obj, err)
	}
}

func TestOpenState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a, err := OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(dir); !target.HasCode(err, target.CodeStateLocked) {
		t.Errorf("a second holder: %v", err)
	}
	s, f := mixed(), newFake(t)
	mustRun(t, s, f, testOptions(t, a))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if a, err = OpenState(dir); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	before := f.changes()
	if res := mustRun(t, s, f, testOptions(t, a)); !res.Complete || f.changes() != before {
		t.Errorf("from a real folder: %+v, %d changes", res, f.changes()-before)
	}
}
