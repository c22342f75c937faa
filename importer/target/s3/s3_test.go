package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/targettest"
	"github.com/sledge-io/sledge/internal/s3test"
)

// TestEndlessAnswers: a store, or who answers in its place, that never ends an answer is
// given up after a bounded number of bytes; the content of an object is read to its end.
func TestEndlessAnswers(t *testing.T) {
	s3test.CleanAWS(t)
	const endless = 48 << 20 // "never" of this test
	var sent atomic.Int64
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		piece := []byte(strings.Repeat(" ", 1<<20))
		for range endless >> 20 {
			n, err := w.Write(piece)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	to, err := Open(t.Context(), Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Profile: "generic",
		Credentials: &Credentials{AccessKey: "a", SecretKey: "secretsecret"}})
	if err != nil {
		t.Fatal(err)
	}
	list := func() error { _, _, err := to.List(t.Context(), "p", ""); return err }
	for _, c := range []struct {
		name   string
		status int
		most   int64
		call   func() error
	}{
		{"error of a read", 403, maxErrorAnswer, func() error { _, err := to.Get(t.Context(), "k", ""); return err }},
		{"error of a write", 500, maxErrorAnswer, func() error { return to.Delete(t.Context(), "k", "") }},
		{"list", 200, maxAnswer, list},
		{"redirect", 307, maxErrorAnswer, list},
	} {
		sent.Store(0)
		status = c.status
		err := c.call()
		// The kernel's buffers take some more.
		if err == nil || sent.Load() > c.most+16<<20 {
			t.Errorf("%s: %v after %d bytes", c.name, err, sent.Load())
		}
		if (c.name == "list" || c.status == 500) && !target.IsUnknown(err) {
			t.Errorf("%s: it may be done: %v", c.name, err)
		}
	}
	status = 200
	body, err := to.Get(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, body)
	if err = errors.Join(err, body.Close()); err != nil || n != endless {
		t.Errorf("an object of %d bytes: %d read, %v", endless, n, err)
	}
}

// TestAnswerCap: an answer of just the length is whole.
func TestAnswerCap(t *testing.T) {
	for size, whole := range map[int]bool{0: true, 1: true, maxErrorAnswer: true, maxErrorAnswer + 1: false} {
		trip := tripperOwn(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 404, Body: io.NopCloser(strings.NewReader(strings.Repeat("a", size)))}, nil
		})
		r, err := http.NewRequest(http.MethodGet, "http://s3.example.org/k?x-id=GetObject", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := answerCap{trip}.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if (err == nil) != whole || len(text) != min(size, maxErrorAnswer) || err != nil && !target.HasCode(err, target.CodeServerError) {
			t.Errorf("%d bytes: %d read, %v", size, len(text), err)
		}
	}
}

// TestProxyRule: the proxy of --proxy gets neither requests to this machine or its link,
// such as those for the machine's credentials, nor those of NO_PROXY.
func TestProxyRule(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example.org:3128"}
	for _, c := range []struct {
		env, to string
		direct  bool
	}{
		{"", "http://169.254.169.254/latest/meta-data", true},
		{"", "http://169.254.170.2/v2/credentials", true},
		{"", "http://[fd00:ec2::254]/latest", true},
		{"", "http://[fe80::1%25eth0]/", true},
		{"", "http://[::ffff:169.254.169.254]/", true},
		{"", "http://localhost:9000/", true},
		{"", "http://127.0.0.1:9000/", true},
		{"", "http://[::1]:9000/", true},
		{"", "https://s3.example.org/", false},
		{"", "https://10.0.0.1/", false},
		{"", "https://localhost.example.org/", false},
		{"example.org", "https://s3.example.org/", true},
		{"example.org", "https://example.org./", true},
		{".example.org", "https://s3.example.org/", true},
		{".example.org", "https://example.org/", false},
		{"*.example.org", "https://s3.EXAMPLE.org/", true},
		{"ample.org", "https://s3.example.org/", false},
		{"a.test , 10.0.0.0/8", "https://10.0.0.1/", true},
		{"10.0.0.0/8", "https://11.0.0.1/", false},
		{"10.0.0.1", "https://10.0.0.1:9000/", true},
		{"10.0.0.1:443", "https://10.0.0.1/", true},
		{"10.0.0.1:443", "https://10.0.0.1:9000/", false},
		{"[2001:db8::1]:9000", "https://[2001:db8::1]:9000/", true},
		{"2001:db8::1", "https://[2001:db8::1]/", true},
		{"s3.example.org:80", "http://s3.example.org/", true},
		{"s3.example.org:80", "https://s3.example.org/", false},
		{"0.0.1", "https://10.0.0.1/", false},
		{"*", "https://s3.example.org/", true},
		{" , ", "https://s3.example.org/", false},
	} {
		t.Setenv("no_proxy", "")
		t.Setenv("NO_PROXY", c.env)
		r, err := http.NewRequest(http.MethodGet, c.to, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := byProxy(proxy)(r)
		if err != nil || (got == nil) != c.direct || got != nil && got != proxy {
			t.Errorf("NO_PROXY=%q, %s: %v, %v", c.env, c.to, got, err)
		}
	}
}

// TestProxyCarriesNoMetadata: a client with --proxy asks a service of this machine directly.
func TestProxyCarriesNoMetadata(t *testing.T) {
	s3test.CleanAWS(t)
	seen := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen++ }))
	defer proxy.Close()
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer service.Close()
	client := newHTTPClient(Config{Proxy: proxy.URL})
	r, err := http.NewRequest(http.MethodGet, service.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil || seen != 0 {
		t.Fatalf("%v; the proxy has seen %d requests", err, seen)
	}
	answer.Body.Close()
}

// TestWritesGiveTheSame: whatever PutObject gives to an object, CreateMultipartUpload
// gives, and each field of Attributes changes what is sent.
func TestWritesGiveTheSame(t *testing.T) {
	to := &Bucket{bucket: "b"}
	put := reflect.ValueOf(to.putInput("k", targettest.Everything(), map[string]string{"mtime": "1"})).Elem()
	create := reflect.ValueOf(to.createInput("k", targettest.Everything(), map[string]string{"mtime": "1"})).Elem()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[s3.PutObjectInput]()) {
		if !field.IsExported() || put.FieldByIndex(field.Index).IsZero() {
			continue
		}
		if other := create.FieldByName(field.Name); !other.IsValid() || !reflect.DeepEqual(put.FieldByIndex(field.Index).Interface(), other.Interface()) {
			t.Errorf("%s: CreateMultipartUpload has another one", field.Name)
		}
	}
	for _, one := range target.AttributeTable {
		if sent := *to.putInput("k", one.Of(targettest.Everything()), nil); one.Name != "customer_key" && reflect.DeepEqual(sent, *to.putInput("k", target.Attributes{}, nil)) {
			t.Errorf("%s: nothing is sent", one.Name)
		}
	}
	if got := to.putInput("k", targettest.Everything(), map[string]string{"mtime": "1"}).Metadata; got["team"] != "x" || got["mtime"] != "1" || len(targettest.Everything().Metadata) != 1 {
		t.Errorf("metadata %v", got)
	}
}

// TestEndpointOfConfiguration finds the endpoint wherever the SDK finds it.
func TestEndpointOfConfiguration(t *testing.T) {
	const a, b = "https://a.example.org", "https://b.example.org"
	tests := []struct {
		name, all, s3, given, profile, want string
	}{
		{name: "AWS"},
		{name: "all services", all: a, want: a},
		{name: "S3 over all", all: a, s3: b, want: b},
		{name: "profile", profile: "site", want: a},
		{name: "given over all", s3: a, given: b, want: b},
		{name: "a slash at the end", all: a + "/", want: a},
		{name: "given with a slash at the end", given: b + "/", want: b},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := s3test.CleanAWS(t)
			writeConfig(t, filepath.Join(dir, "config"), "[profile site]\nendpoint_url = "+a+"\n")
			t.Setenv("AWS_ENDPOINT_URL", test.all)
			t.Setenv("AWS_ENDPOINT_URL_S3", test.s3)
			o := Config{Endpoint: test.given, AWSProfile: test.profile}
			if err := o.ResolveEndpoint(context.Background()); err != nil || o.Endpoint != test.want {
				t.Errorf("endpoint %q, %v; want %q", o.Endpoint, err, test.want)
			}
			target, err := Open(t.Context(), Config{Bucket: "bucket", Profile: "generic", Endpoint: test.given, AWSProfile: test.profile})
			if err != nil || target.Endpoint() != test.want || aws.ToString(target.api().Options().BaseEndpoint) != test.want {
				t.Errorf("a client by itself: %v, its endpoint is not %q", err, test.want)
			}
		})
	}
	t.Run("keys in it", func(t *testing.T) {
		s3test.CleanAWS(t)
		t.Setenv("AWS_ENDPOINT_URL_S3", "https://user:secret@a.example.org")
		if err := (&Config{}).ResolveEndpoint(context.Background()); err == nil {
			t.Error("an endpoint with keys was taken")
		}
	})
}

// TestConfigurationIsReadOnce: what changes in the shared files between the identity and the
// client, or before a renewal, leads no request to another store.
func TestConfigurationIsReadOnce(t *testing.T) {
	dir := s3test.CleanAWS(t)
	o := Config{Bucket: "bucket", Profile: "generic"}
	if err := o.ResolveEndpoint(t.Context()); err != nil || o.Endpoint != "" {
		t.Fatalf("%q, %v", o.Endpoint, err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "access")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	writeConfig(t, filepath.Join(dir, "config"), "[default]\nendpoint_url = https://b.example.org\n")
	target, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if at := aws.ToString(target.api().Options().BaseEndpoint); at != "" {
		t.Errorf("the client goes to %q, the identity says AWS", at)
	}
	err = target.Renew(t.Context())
	if at := aws.ToString(target.api().Options().BaseEndpoint); err != nil || at != "" {
		t.Errorf("%v; renewed, the client goes to %q, the identity says AWS", err, at)
	}
}

// noSuchHost is a network without names.
type noSuchHost struct{}

func (noSuchHost) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}}
}

// TestTextOfBucketHost: the bucket in front of the endpoint's name has no address.
func TestTextOfBucketHost(t *testing.T) {
	for host, want := range map[string]bool{"bucket.s3.example.org": true, "s3.example.org": false, "buckets.example.org": false} {
		r, err := http.NewRequest(http.MethodGet, "https://"+host+":9000/key", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = bucketHost{noSuchHost{}, "bucket"}.RoundTrip(r)
		if strings.Contains(fmt.Sprint(err), "--path-style") != want || want && !target.HasCode(err, target.CodeTargetAbsent) {
			t.Errorf("%s: %v", host, err)
		}
		if dns := (*net.DNSError)(nil); !errors.As(err, &dns) {
			t.Errorf("%s: %v has no cause", host, err)
		}
	}
}

// TestCodesKnown: whatever S3's codes become is in the table of codes.
func TestCodesKnown(t *testing.T) {
	seen := map[target.Code]bool{}
	for _, info := range target.Codes() {
		seen[info.Code] = true
	}
	for from, code := range s3Codes {
		if !seen[code] && code != target.CodeNotFound && code != target.CodeKeyExists && code != target.CodeRestart && code != target.CodePartGone {
			t.Errorf("%s becomes %q, which is not in the table", from, code)
		}
	}
}

// TestNoSocket: a connection that the process could not begin says nothing about the target,
// and the call had no effect.
func TestNoSocket(t *testing.T) {
	socket := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	for name, err := range map[string]error{
		"socket":   socket,
		"resolver": &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: socket.Error(), Name: "s3.example.org"}},
		"proxy":    &net.OpError{Op: "proxyconnect", Net: "tcp", Err: socket},
	} {
		e := target.AsError(transportError(&url.Error{Op: "Put", URL: "http://s3/in/a", Err: err}, "in/a"))
		if e.Code != target.CodeProcessLimit || e.Class != target.Fixable || e.Unknown {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestDialTimeout: a dial that took too long says that the target is not there, not that
// somebody stopped.
func TestDialTimeout(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded} // as net's own error says of itself
	if err := transportError(dial, "k"); !target.HasCode(err, target.CodeTargetAbsent) || target.IsCanceled(err) {
		t.Error(err)
	}
}

func writeConfig(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

type tripperOwn func(*http.Request) (*http.Response, error)

func (f tripperOwn) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
