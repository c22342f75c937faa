package importer

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTexts: what leads operators astray says what it is and what helps.
func TestTexts(t *testing.T) {
	answer := func(status int, kind, body string, date time.Time) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	xml := func(status int, code string, date time.Time) http.Handler {
		return answer(status, "application/xml", "<Error><Code>"+code+"</Code><Message>No.</Message></Error>", date)
	}
	now := time.Now()
	for _, test := range []struct {
		name  string
		store http.Handler
		code  Code
		words string
	}{
		{"a body too large for a proxy", answer(413, "text/html", "<html>", now), CodeNotS3, "client_max_body_size"},
		{"this clock is slow", xml(403, "RequestTimeTooSkewed", now.Add(20*time.Minute)), CodeClockSkew, "No: this machine's clock is 20m0s behind the target's"},
		{"this clock is fast", xml(403, "RequestTimeTooSkewed", now.Add(-20*time.Minute)), CodeClockSkew, "ahead of the target's"},
		{"an archived object", xml(403, "InvalidObjectState", now), CodeArchived, "InvalidObjectState"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cleanAWS(t)
			server := httptest.NewServer(test.store)
			defer server.Close()
			o := Options{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Profile: "generic", Credentials: &Credentials{AccessKey: "a", SecretKey: "secretsecret"}}
			target, err := NewS3(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = target.Get(t.Context(), "key", "")
			text := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(err), "19m59s", "20m0s"), "20m1s", "20m0s")
			if !hasCode(err, test.code) || !strings.Contains(text, test.words) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestTextOfHTTPSToHTTP: a store that speaks no TLS.
func TestTextOfHTTPSToHTTP(t *testing.T) {
	cleanAWS(t)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	target, err := NewS3(t.Context(), Options{Bucket: "bucket", Endpoint: "https" + strings.TrimPrefix(server.URL, "http"), PathStyle: true, Profile: "generic",
		Credentials: &Credentials{AccessKey: "a", SecretKey: "secretsecret"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = target.Head(t.Context(), "key"); !hasCode(err, CodeTargetUntrusted) || !strings.Contains(err.Error(), "http://") {
		t.Error(err)
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
		if strings.Contains(fmt.Sprint(err), "--path-style") != want || want && !hasCode(err, CodeTargetAbsent) {
			t.Errorf("%s: %v", host, err)
		}
		if dns := (*net.DNSError)(nil); !errors.As(err, &dns) {
			t.Errorf("%s: %v has no cause", host, err)
		}
	}
}

// TestTextsOfConfiguration: a CA bundle that is not there, and a credential_process that fails.
func TestTextsOfConfiguration(t *testing.T) {
	dir := cleanAWS(t)
	bundle := filepath.Join(dir, "nothing.pem")
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if _, err := NewS3(t.Context(), Options{Bucket: "bucket", Profile: "generic"}); !hasCode(err, CodeTargetUntrusted) || !strings.Contains(err.Error(), bundle) {
		t.Errorf("CA bundle: %v", err)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	writeFile(t, filepath.Join(dir, "config"), "[profile p]\ncredential_process = sh -c \"exit 3\"\n")
	target, err := NewS3(t.Context(), Options{Bucket: "bucket", Profile: "generic", AWSProfile: "p", Endpoint: "http://127.0.0.1:9", PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Head(t.Context(), "key"); !hasCode(err, CodeCredentialsRefused) || !strings.Contains(err.Error(), "credential_process") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("credential_process: %v", err)
	}
}
