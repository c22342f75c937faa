package importer

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRenew: credentials that are renewed in the shared file are taken up while
// calls are running, and bad ones change nothing.
func TestRenew(t *testing.T) {
	server, dir, ctx := s3test.Start(t), s3test.CleanAWS(t), context.Background()
	credentials := func(secret string) string {
		return fmt.Sprintf("[fresh]\naws_access_key_id = %s\naws_secret_access_key = %s\n", server.AccessKey, secret)
	}
	writeFile(t, filepath.Join(dir, "credentials"), credentials("not-yet-renewed"))
	o := s3Options(t, server, nil)
	o.Credentials, o.AWSProfile = nil, "fresh"
	to := newS3(t, o)
	if _, err := to.Head(ctx, "k"); !target.HasCode(err, target.CodeAccessDenied) && !target.HasCode(err, target.CodeCredentialsRefused) {
		t.Fatalf("wrong secret: %v", err)
	}
	running, stop := context.WithCancel(ctx)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for running.Err() == nil {
				to.Head(ctx, "k") // its answer is not the point: the client is swapped under it
			}
		})
	}
	writeFile(t, filepath.Join(dir, "credentials"), credentials(server.SecretKey))
	if err := to.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	stop()
	calls.Wait()
	if _, err := to.Head(ctx, "k"); !target.IsNotFound(err) {
		t.Errorf("after renewal: %v", err)
	}
	writeFile(t, filepath.Join(dir, "credentials"), "[other]\n")
	if err := to.Renew(ctx); !target.HasCode(err, target.CodeCredentialsMissing) || !target.IsClass(err, target.Fixable) {
		t.Errorf("a file without the profile: %v", err)
	}
	if _, err := to.Head(ctx, "k"); !target.IsNotFound(err) {
		t.Errorf("after a renewal that failed: %v", err)
	}
}

// seen keeps what the last request was like.
type seen struct {
	*httptest.Server
	mu      sync.Mutex
	request *http.Request
}

func look(t *testing.T, start func(http.Handler) *httptest.Server) *seen {
	s := &seen{}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.request = r
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *seen) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.request
}

// TestConnection looks at what goes out for each way to reach a target.
func TestConnection(t *testing.T) {
	dir := s3test.CleanAWS(t)
	writeFile(t, filepath.Join(dir, "config"), "[profile site]\nregion = eu-north-1\naws_access_key_id = A\naws_secret_access_key = SSSSSSSSSS\n")
	server, proxy := look(t, httptest.NewServer), look(t, httptest.NewServer)
	static := &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}
	signed := func(region string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/") && r.URL.Path == "/bucket/k"
		}
	}
	tests := []struct {
		name string
		o    Options
		at   *seen
		want func(*http.Request) bool
	}{
		{"no region", Options{Config: s3.Config{Credentials: static, PathStyle: true}}, server, signed("us-east-1")},
		{"region", Options{Config: s3.Config{Credentials: static, PathStyle: true, Region: "eu-central-1"}}, server, signed("eu-central-1")},
		{"profile's region and keys", Options{Config: s3.Config{AWSProfile: "site", PathStyle: true}}, server, signed("eu-north-1")},
		{"region over profile's", Options{Config: s3.Config{AWSProfile: "site", PathStyle: true, Region: "x"}}, server, signed("x")},
		{"path style by profile", Options{Config: s3.Config{Credentials: static, Profile: "ceph"}}, server, signed("us-east-1")},
		{"anonymous", Options{Config: s3.Config{Anonymous: true, PathStyle: true}}, server, func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }},
		{"requester pays", Options{Config: s3.Config{Credentials: static, PathStyle: true, RequesterPays: true}}, server, func(r *http.Request) bool {
			return r.Header.Get("X-Amz-Request-Payer") == "requester" && strings.Contains(r.Header.Get("Authorization"), "x-amz-request-payer")
		}},
		{"bucket owner", Options{Config: s3.Config{Credentials: static, PathStyle: true, BucketOwner: "123456789012"}}, server, func(r *http.Request) bool {
			return r.Header.Get("X-Amz-Expected-Bucket-Owner") == "123456789012" && strings.Contains(r.Header.Get("Authorization"), "x-amz-expected-bucket-owner")
		}},
		{"proxy", Options{Config: s3.Config{Credentials: static, PathStyle: true, Endpoint: "http://s3.example.invalid", Proxy: proxy.URL}}, proxy, func(r *http.Request) bool { return r.Host == "s3.example.invalid" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := test.o
			if o.Bucket = "bucket"; o.Endpoint == "" {
				o.Endpoint = server.URL
			}
			if _, err := newS3(t, o).Head(context.Background(), "k"); !target.IsNotFound(err) {
				t.Fatal(err)
			}
			if r := test.at.last(); r == nil || !test.want(r) {
				t.Errorf("request %+v", r)
			}
		})
	}
}

func TestCABundle(t *testing.T) {
	dir, server := s3test.CleanAWS(t), look(t, httptest.NewTLSServer)
	o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}}}
	if _, err := newS3(t, o).Head(context.Background(), "k"); !target.HasCode(err, target.CodeTargetUntrusted) {
		t.Errorf("without the bundle: %v", err)
	}
	o.CABundle = filepath.Join(dir, "ca.pem")
	for name, text := range map[string]string{"absent": "", "no certificate": "text"} {
		if text != "" {
			writeFile(t, o.CABundle, text)
		}
		if _, err := NewS3(context.Background(), o); !target.HasCode(err, target.CodeTargetUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	writeFile(t, o.CABundle, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	if _, err := newS3(t, o).Head(context.Background(), "k"); !target.IsNotFound(err) {
		t.Errorf("with the bundle: %v", err)
	}
}

func TestNoCredentials(t *testing.T) {
	s3test.CleanAWS(t)
	server := look(t, httptest.NewServer)
	o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true}}
	if _, err := newS3(t, o).Head(context.Background(), "k"); !target.HasCode(err, target.CodeCredentialsMissing) || !target.IsClass(err, target.Fixable) {
		t.Errorf("no credentials anywhere: %v", err)
	}
	o.AWSProfile = "absent"
	if _, err := NewS3(context.Background(), o); !target.HasCode(err, target.CodeCredentialsMissing) || !strings.Contains(err.Error(), `"absent"`) {
		t.Errorf("no such profile: %v", err)
	}
	if server.last() != nil {
		t.Error("a request was made")
	}
}

func TestConnectionOptions(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"proxy":           func(o *Options) { o.Proxy = "proxy:3128" },
		"endpoint":        func(o *Options) { o.Endpoint = "s3.example.org" },
		"anonymous":       func(o *Options) { o.Anonymous, o.AWSProfile = true, "x" },
		"HTTPS_PROXY":     func(o *Options) { o.Proxy = "http://u:secret@proxy:3128" },
		"takes no keys":   func(o *Options) { o.Endpoint = "https://AK:secret@s3.example.org" },
		"endpoint: takes": func(o *Options) { o.Endpoint = "https://AK:secret@s3.example.org:x" },
	} {
		o := testOptions(t, memDisk())
		set(&o)
		err := o.withDefaults().validate()
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStoreErrors: what stores answer, and what becomes of it.
func TestStoreErrors(t *testing.T) {
	s3test.CleanAWS(t)
	xmlError := func(code, message string) string {
		return fmt.Sprintf("<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
	const page = "<html><body>blocked</body></html>"
	tests := []struct {
		name    string
		status  int
		body    string
		code    target.Code
		class   target.Class
		unknown bool
	}{
		{"expired token", 400, xmlError("ExpiredToken", "The provided token has expired."), target.CodeCredentialsExpired, target.Fixable, false},
		{"wrong key", 403, xmlError("InvalidAccessKeyId", "x"), target.CodeCredentialsRefused, target.Fixable, false},
		{"no right", 403, xmlError("AccessDenied", "Access Denied"), target.CodeAccessDenied, target.Fixable, false},
		{"bucket policy", 403, xmlError("AccessDenied", "User: u is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy"), target.CodePolicyDenied, target.Fixable, false},
		{"service control policy", 403, xmlError("AccessDenied", "User: u is not authorized to perform: s3:PutObject with no identity-based policy, because a service control policy denies it"), target.CodePolicyDenied, target.Fixable, false},
		{"locked, in other words", 403, xmlError("AccessDenied", "Access Denied because the object is locked"), target.CodeObjectLocked, target.FatalObject, false},
		{"MinIO's lock", 400, xmlError("InvalidRequest", "Object is WORM protected and cannot be overwritten"), target.CodeObjectLocked, target.FatalObject, false},
		{"too late", 403, xmlError("AccessDenied", "Request has expired"), target.CodeClockSkew, target.Fixable, false},
		{"KMS right", 403, xmlError("AccessDenied", "User: u is not authorized to perform: kms:GenerateDataKey on resource: k"), target.CodeKMSKey, target.Fixable, false},
		{"KMS key", 400, xmlError("KMS.DisabledException", "k is disabled"), target.CodeKMSKey, target.Fixable, false},
		{"locked", 403, xmlError("AccessDenied", "Access Denied because object protected by object lock."), target.CodeObjectLocked, target.FatalObject, false},
		{"no lock", 400, xmlError("InvalidRequest", "Bucket is missing Object Lock Configuration"), target.CodeNoObjectLock, target.Fixable, false},
		{"another's SSE-C", 400, xmlError("InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."), target.CodeCannotCompare, target.FatalObject, false},
		{"no SSE-C", 400, xmlError("InvalidRequest", "The encryption parameters are not applicable to this object."), target.CodeCannotCompare, target.FatalObject, false},
		{"no ACLs", 400, xmlError("AccessControlListNotSupported", "The bucket does not allow ACLs"), target.CodeAttributeRefused, target.Fixable, false},
		{"quota", 403, xmlError("QuotaExceeded", "x"), target.CodeTargetFull, target.Fixable, false},
		{"cap", 403, xmlError("AccessDenied", "Cannot upload files, storage cap exceeded."), target.CodeTargetFull, target.Fixable, false},
		{"full", 507, "", target.CodeTargetFull, target.Fixable, false},
		{"slow down", 503, xmlError("SlowDown", "x"), target.CodeThrottled, target.Retryable, false},
		{"too many", 429, "", target.CodeThrottled, target.Retryable, false},
		{"clock", 403, xmlError("RequestTimeTooSkewed", "x"), target.CodeClockSkew, target.Fixable, false},
		{"region", 301, xmlError("PermanentRedirect", "x"), target.CodeWrongRegion, target.Fixable, false},
		{"redirect", 302, "", target.CodeWrongRegion, target.Fixable, false},
		{"proxy's page", 403, page, target.CodeNotS3, target.Fixable, false},
		{"web server", 404, page, target.CodeNotS3, target.Fixable, false},
		{"proxy wants a password", 407, "", target.CodeNotS3, target.Fixable, false},
		{"balancer's page", 502, page, target.CodeServerError, target.Retryable, true},
		{"failed", 500, xmlError("InternalError", "x"), target.CodeServerError, target.Retryable, true},
		{"unknown", 400, xmlError("Strange", "x"), target.CodeRefused, target.FatalObject, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				if test.body == page {
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
				}
				if test.status == 301 {
					w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
				}
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}))
			defer server.Close()
			o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}}}
			_, err := newS3(t, o).Put(context.Background(), target.PutRequest{Key: "k", Body: strings.NewReader("x"), Size: 1})
			var e *target.Error
			if !errors.As(err, &e) || e.Code != test.code || e.Class != test.class || e.Unknown != test.unknown || e.Remedy == "" {
				t.Fatalf("%+v, want %s", err, test.code)
			}
			if test.status == 301 && !strings.Contains(e.Cause, "eu-west-1") {
				t.Errorf("cause %q does not name the region", e.Cause)
			}
		})
	}
}

// TestHeadAsksWhy: the 400 of a HEAD has no words, so GET is asked for them.
func TestHeadAsksWhy(t *testing.T) {
	s3test.CleanAWS(t)
	words := func(code string) string { return "<Error><Code>" + code + "</Code><Message>x</Message></Error>" }
	for _, test := range []struct {
		name   string
		status int // of GET
		body   string
		code   target.Code
		class  target.Class
	}{
		{"expired token", 400, words("ExpiredToken"), target.CodeCredentialsExpired, target.Fixable},
		{"too slow", 400, words("RequestTimeout"), target.CodeConnectionLost, target.Retryable},
		{"no right", 403, words("AccessDenied"), target.CodeAccessDenied, target.Fixable},
		{"strange", 400, words("Strange"), target.CodeRefused, target.FatalObject},
		{"GET is let through", 206, "x", target.CodeConnectionLost, target.Retryable},
		{"of an empty object", 416, words("InvalidRange"), target.CodeConnectionLost, target.Retryable},
		{"not there", 404, words("NoSuchKey"), target.CodeConnectionLost, target.Retryable},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}))
			defer server.Close()
			o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}}}
			if _, err := newS3(t, o).Head(context.Background(), "k"); !target.HasCode(err, test.code) || !target.IsClass(err, test.class) {
				t.Errorf("%v, want %s", err, test.code)
			}
		})
	}
}

// TestCompleteTellsKind: S3 tells the kind of a checksum in the body of its answer to
// Complete, MinIO in a header. Without either it is not known.
func TestCompleteTellsKind(t *testing.T) {
	s3test.CleanAWS(t)
	for _, test := range []struct{ name, body, header, want string }{
		{"S3", "<ChecksumType>COMPOSITE</ChecksumType>", "", "COMPOSITE"},
		{"MinIO", "", "COMPOSITE", "COMPOSITE"},
		{"both", "<ChecksumType>FULL_OBJECT</ChecksumType>", "COMPOSITE", "FULL_OBJECT"},
		{"neither", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.header != "" {
					w.Header().Set("X-Amz-Checksum-Type", test.header)
				}
				w.Header().Set("Content-Type", "application/xml")
				fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>e</ETag><ChecksumSHA256>s-1</ChecksumSHA256>%s</CompleteMultipartUploadResult>", test.body)
			}))
			defer server.Close()
			o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}}}
			got, err := newS3(t, o).CompleteUpload(context.Background(), target.CompleteRequest{Key: "k", UploadID: "u", Parts: []target.Part{{Number: 1, ETag: "e", SHA256: "s"}}, Size: 1, Composite: "s-1"})
			if want := (target.Stored{ETag: "e", VersionID: "", SHA256: "s-1", ChecksumType: test.want}); err != nil || got != want {
				t.Errorf("%+v, want %+v: %v", got, want, err)
			}
		})
	}
}
