package importer

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/s3test"
)

// TestWishedProof: a proof that cannot be reached is refused before the first byte.
func TestWishedProof(t *testing.T) {
	denied := target.NewError(target.CodeAccessDenied, "", "no GET", nil)
	noGet := func(f *fakeTarget) {
		f.hook = func(_ int, call, _ string) (bool, error) {
			if call == "get" {
				return false, denied
			}
			return true, nil
		}
	}
	tests := []struct {
		name    string
		prepare func(*fakeTarget)
		min     entry.Proof
		back    bool
		code    target.Code // "" is an import
		proof   entry.Proof
	}{
		{"checking", func(*fakeTarget) {}, entry.ProofSHA256, false, "", entry.ProofReadBack},
		{"checking, unreadable", noGet, entry.ProofSHA256, false, "", entry.ProofSHA256},
		{"read-back, unreadable", noGet, entry.ProofReadBack, false, target.CodeAccessDenied, entry.ProofSHA256},
		{"each read back, unreadable", noGet, entry.ProofSHA256, true, target.CodeAccessDenied, entry.ProofSHA256},
		{"unchecking", func(f *fakeTarget) { f.unchecking = true }, entry.ProofSHA256, false, "", entry.ProofReadBack},
		{"unchecking, unreadable", func(f *fakeTarget) { f.unchecking = true; noGet(f) }, entry.ProofSHA256, false, target.CodeNotChecking, entry.ProofNone},
		{"no checksums, unreadable", func(f *fakeTarget) { f.noChecksums = true; noGet(f) }, entry.ProofCRC, false, target.CodeNotChecking, entry.ProofNone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, f := newSource(), newFake(t)
			s.file("a", []byte("hello"))
			test.prepare(f)
			o := testOptions(t, memDisk())
			o.MinProof, o.ReadBack = test.min, test.back
			res, err := Run(context.Background(), s, f, o)
			if test.code == "" && (err != nil || !res.Complete) || test.code != "" && !target.HasCode(err, test.code) {
				t.Fatalf("%v, %+v", err, res)
			}
			if res.Probe.Proof != test.proof || !strings.Contains(res.Probe.String(), "strongest proof: "+cmp.Or(string(test.proof), "none")) {
				t.Errorf("probe %+v: %s", res.Probe, res.Probe)
			}
			if test.code != "" && (res.ExitClass() != ExitFixable || len(f.objects) != 0) {
				t.Errorf("%v, %d objects", res.ExitClass(), len(f.objects))
			}
		})
	}
}

// TestProbeUploads: uploads that the probe began are aborted by their ids where
// nothing may be listed.
func TestProbeUploads(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	f.hook = func(_ int, call, _ string) (bool, error) {
		if call == "listuploads" {
			return false, target.NewError(target.CodeAccessDenied, "", "no list", nil)
		}
		return true, nil
	}
	mustRun(t, s, f, testOptions(t, memDisk()))
	f.check(t, s, "in/")
}

func probeS3(t *testing.T, server *s3test.Server, set func(*Options)) (*probe.TargetReport, error) {
	t.Helper()
	o := s3Options(t, server, nil)
	if set != nil {
		set(&o)
	}
	return ProbeTarget(context.Background(), newS3(t, o), o, "probe-1", nil)
}

func answersOf(r *probe.TargetReport) map[string]probe.Answer {
	m := map[string]probe.Answer{}
	for _, f := range append(slices.Clone(r.Rights), r.Findings...) {
		m[f.Name] = f.Answer
	}
	return m
}

func TestProbeTarget(t *testing.T) {
	server := s3test.Start(t)
	r, err := probeS3(t, server, nil)
	if err != nil || !r.Usable || len(r.Left) != 0 || r.Proof != entry.ProofReadBack || r.StoreProof != entry.ProofSHA256 {
		t.Fatalf("%v, %+v", err, r)
	}
	for name, answer := range answersOf(r) {
		want := probe.AnswerYes
		if name == "object lock" {
			want = probe.AnswerNo
		}
		if answer != want {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if r.MetadataBytes != 2048 || r.LatencyMillis <= 0 || r.UpBytes <= 0 || r.DownBytes <= 0 || !slices.Contains(r.StorageClasses, "STANDARD") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(server.BucketFolder(), "in")); !os.IsNotExist(err) {
		t.Errorf("the probe left something: %v", err)
	}
	for name, set := range map[string]func(*Options){
		string(target.CodeNoSuchBucket):       func(o *Options) { o.Bucket = "nowhere" },
		string(target.CodeCredentialsRefused): func(o *Options) { o.Credentials.SecretKey = "not-the-secret" },
	} {
		if _, err := probeS3(t, server, set); !target.HasCode(err, target.Code(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProbeTargetRights takes each right away on the wire and expects it to be
// named, nothing to be forgotten, and what else can be known to be known.
func TestProbeTargetRights(t *testing.T) {
	server := s3test.Start(t)
	q := func(r *http.Request, name string) bool { return r.URL.Query().Has(name) }
	tests := []struct {
		right  string
		denied func(r *http.Request) bool
		usable bool
		left   bool
	}{
		{"s3:PutObject", func(r *http.Request) bool { return r.Method == "PUT" && !q(r, "partNumber") }, false, false},
		{"s3:GetObject (HEAD)", func(r *http.Request) bool { return r.Method == "HEAD" }, false, true},
		{"s3:GetObject (GET)", func(r *http.Request) bool {
			return r.Method == "GET" && strings.Contains(r.URL.Path, "/in/") && len(r.URL.Query()) <= 1 && !q(r, "attributes")
		}, true, false},
		{"s3:ListBucket", func(r *http.Request) bool { return q(r, "list-type") }, true, false},
		{"s3:PutObject (multipart)", func(r *http.Request) bool { return r.Method == "POST" && q(r, "uploads") }, false, false},
		{"s3:ListBucketMultipartUploads", func(r *http.Request) bool { return r.Method == "GET" && q(r, "uploads") }, true, false},
		{"s3:ListMultipartUploadParts", func(r *http.Request) bool { return r.Method == "GET" && q(r, "uploadId") }, true, false},
		{"s3:DeleteObject", func(r *http.Request) bool { return r.Method == "DELETE" && !q(r, "uploadId") }, true, true},
	}
	for _, test := range tests {
		t.Run(test.right, func(t *testing.T) {
			w := newWire(t, server)
			front := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if test.denied(r) {
					rw.Header().Set("Content-Type", "application/xml")
					rw.WriteHeader(http.StatusForbidden)
					rw.Write([]byte("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"))
					return
				}
				w.Config.Handler.ServeHTTP(rw, r)
			})
			r, err := probeS3(t, server, func(o *Options) { o.Transport = handled{front} })
			if err != nil || r.Usable != test.usable || (len(r.Left) > 0) != test.left {
				t.Fatalf("%v, usable %v, left %q, lacks %q", err, r.Usable, r.Left, r.Lacks)
			}
			if got := answersOf(r)[test.right]; got != probe.AnswerNotAllowed {
				t.Errorf("%s: %s", test.right, got)
			}
			os.RemoveAll(filepath.Join(server.BucketFolder(), "in"))
		})
	}
}

// handled answers requests in this process.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// TestProbeTargetInterrupted: what was written is removed after Ctrl-C, too.
func TestProbeTargetInterrupted(t *testing.T) {
	server := s3test.Start(t)
	w := newWire(t, server)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.seen = func(r *http.Request, _ []byte) {
		if strings.HasSuffix(r.URL.Path, "/payload") {
			cancel()
		}
	}
	o := s3Options(t, server, nil)
	o.Endpoint = w.URL
	r, err := ProbeTarget(ctx, newS3(t, o), o, "probe-2", nil)
	if !target.IsCanceled(err) || r == nil || r.Usable || len(r.Left) != 0 {
		t.Errorf("%v, %+v", err, r)
	}
	if _, err := os.Stat(filepath.Join(server.BucketFolder(), "in")); !os.IsNotExist(err) {
		t.Errorf("the probe left something: %v", err)
	}
}
