package importer

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
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
		code  target.Code
		words string
		do    string // in the remedy
	}{
		{"a body too large for a proxy", answer(413, "text/html", "<html>", now), target.CodeNotS3, "client_max_body_size", "larger bodies"},
		{"a body too large, without a page", answer(413, "text/plain", "Request Entity Too Large", now), target.CodeNotS3, "client_max_body_size", "larger bodies"},
		{"a proxy that wants a password", answer(407, "text/html", "<html>", now), target.CodeNotS3, "wants a user and a password", "http://USER:PASSWORD@"},
		{"a disabled key", xml(403, "InvalidAccessKeyId", now), target.CodeCredentialsRefused, "InvalidAccessKeyId", "disabled"},
		{"a suspended user", xml(403, "UserSuspended", now), target.CodeCredentialsRefused, "UserSuspended", "suspended"},
		{"a closed account", xml(403, "AllAccessDisabled", now), target.CodeAccessDenied, "AllAccessDisabled", "whoever runs the store"},
		{"this clock is slow", xml(403, "RequestTimeTooSkewed", now.Add(20*time.Minute)), target.CodeClockSkew, "No: this machine's clock is 20m0s behind the target's", "set the clock"},
		{"this clock is fast", xml(403, "RequestTimeTooSkewed", now.Add(-20*time.Minute)), target.CodeClockSkew, "ahead of the target's", "set the clock"},
		{"an archived object", xml(403, "InvalidObjectState", now), target.CodeArchived, "InvalidObjectState", "restore"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s3test.CleanAWS(t)
			server := httptest.NewServer(test.store)
			defer server.Close()
			o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Profile: "generic", Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}}
			to, err := NewS3(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = to.Get(t.Context(), "key", "")
			text := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(err), "19m59s", "20m0s"), "20m1s", "20m0s")
			if !target.HasCode(err, test.code) || !strings.Contains(text, test.words) || !strings.Contains(target.AsError(err).Remedy, test.do) {
				t.Errorf("%v: %s", err, target.AsError(err).Remedy)
			}
		})
	}
}

// TestTextOfHTTPSToHTTP: a store that speaks no TLS.
func TestTextOfHTTPSToHTTP(t *testing.T) {
	s3test.CleanAWS(t)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	to, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Endpoint: "https" + strings.TrimPrefix(server.URL, "http"), PathStyle: true, Profile: "generic",
		Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = to.Head(t.Context(), "key"); !target.HasCode(err, target.CodeTargetUntrusted) || !strings.Contains(err.Error(), "http://") || !strings.Contains(target.AsError(err).Remedy, "http://") {
		t.Error(err)
	}
}

// TestTextsOfTunnel: a proxy that refuses CONNECT in words of its own, as tinyproxy does.
func TestTextsOfTunnel(t *testing.T) {
	for status, want := range map[int]struct {
		code      target.Code
		words, do string
	}{
		403: {target.CodeNotS3, "status 403 (Forbidden) to CONNECT s3.example.invalid:443: the proxy does not allow it", "NO_PROXY"},
		407: {target.CodeNotS3, "wants a user and a password", "http://USER:PASSWORD@"},
		502: {target.CodeTargetAbsent, "status 502 (Bad Gateway) to CONNECT s3.example.invalid:443", "check the endpoint, the proxy"},
	} {
		s3test.CleanAWS(t)
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				fmt.Fprintf(conn, "HTTP/1.1 %d Filtered\r\nContent-Length: 0\r\n\r\n", status)
				err = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}))
		to, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Endpoint: "https://s3.example.invalid", Proxy: proxy.URL, PathStyle: true, Profile: "generic",
			Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = to.Head(t.Context(), "key")
		if !target.HasCode(err, want.code) || target.IsUnknown(err) || !strings.Contains(err.Error(), "proxy: ") || !strings.Contains(err.Error(), want.words) || !strings.Contains(target.AsError(err).Remedy, want.do) {
			t.Errorf("status %d: %v", status, err)
		}
		proxy.Close()
	}
}

// TestTextsOfConfiguration: a CA bundle that is not there, and a credential_process that fails.
func TestTextsOfConfiguration(t *testing.T) {
	dir := s3test.CleanAWS(t)
	bundle := filepath.Join(dir, "nothing.pem")
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if _, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Profile: "generic"}}); !target.HasCode(err, target.CodeTargetUntrusted) || !strings.Contains(err.Error(), bundle) {
		t.Errorf("CA bundle: %v", err)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	mfa := "[profile p]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n[profile base]\naws_access_key_id = a\naws_secret_access_key = secretsecret\n"
	writeFile(t, filepath.Join(dir, "config"), mfa)
	_, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Profile: "generic", AWSProfile: "p"}})
	if !target.HasCode(err, target.CodeCredentialsMissing) || !strings.Contains(err.Error(), "MFA code") || !strings.Contains(target.AsError(err).Remedy, "export-credentials") {
		t.Errorf("MFA: %v", err)
	}
}

// TestTextsOfCredentialProcess: what the command complains about stands in the error, in one
// line of bounded length; what it printed does not, for that may be a key.
func TestTextsOfCredentialProcess(t *testing.T) {
	for _, test := range []struct{ name, command, want string }{
		{"complains", `echo vault: permission denied >&2; exit 3`, `exit status 3: vault: permission denied`},
		{"drives a terminal", `printf '+ token=topsecret\n\033[2Jtwo\n' >&2; exit 1`, `exit status 1: ?[2Jtwo`},
		{"long", `yes complaint | head -1000 >&2; echo end >&2; exit 1`, `: end`},
		{"prints no JSON", `echo '{"SecretAccessKey":"topsecret"} oops'`, "it printed no JSON of credentials"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := s3test.CleanAWS(t)
			script := filepath.Join(dir, "script")
			writeFile(t, script, test.command)
			writeFile(t, filepath.Join(dir, "config"), "[profile p]\ncredential_process = sh "+script+"\n")
			to, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Profile: "generic", AWSProfile: "p", Endpoint: "http://127.0.0.1:9", PathStyle: true}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = to.Head(t.Context(), "key")
			text := target.AsError(err).Error()
			if !target.HasCode(err, target.CodeCredentialsRefused) || !strings.Contains(text, "the credential_process of the AWS profile failed: ") || !strings.HasSuffix(text, test.want) ||
				len(text) > 600 || strings.Contains(text, "topsecret") || !strings.Contains(target.AsError(err).Remedy, "credential_process") {
				t.Errorf("%s", text)
			}
			if renew := to.Renew(t.Context()); !target.HasCode(renew, target.CodeCredentialsRefused) || !strings.HasSuffix(renew.Error(), test.want) {
				t.Errorf("renewed: %v", renew)
			}
		})
	}
}

// TestCredentialProcess: its credentials sign.
func TestCredentialProcess(t *testing.T) {
	dir := s3test.CleanAWS(t)
	script := filepath.Join(dir, "script")
	writeFile(t, script, `echo for your eyes >&2; echo '{"Version": 1, "AccessKeyId": "AKEY", "SecretAccessKey": "secretsecret", "SessionToken": "TOKEN"}'`)
	writeFile(t, filepath.Join(dir, "config"), "[profile p]\ncredential_process = sh "+script+"\n")
	var token, signed string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, signed = r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization")
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	to, err := NewS3(t.Context(), Options{Config: s3.Config{Bucket: "bucket", Profile: "generic", AWSProfile: "p", Endpoint: server.URL, PathStyle: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Head(t.Context(), "key"); !target.IsNotFound(err) || token != "TOKEN" || !strings.Contains(signed, "Credential=AKEY/") {
		t.Errorf("%v, token %q, %s", err, token, signed)
	}
}

// TestEnvironmentExpires: what is in the environment cannot be renewed under a process, so
// that waiting for it would be in vain; what is in the shared file can.
func TestEnvironmentExpires(t *testing.T) {
	dir := s3test.CleanAWS(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := "ExpiredToken"
		if r.URL.Path == "/bucket/refused" {
			code = "InvalidAccessKeyId"
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<Error><Code>"+code+"</Code><Message>No.</Message></Error>")
	}))
	defer server.Close()
	writeFile(t, filepath.Join(dir, "credentials"), "[p]\naws_access_key_id = a\naws_secret_access_key = secretsecret\naws_session_token = t\n")
	get := func(o Options, key string) *target.Error {
		o.Bucket, o.Endpoint, o.PathStyle, o.Profile = "bucket", server.URL, true, "generic"
		to, err := NewS3(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = to.Get(t.Context(), key, "")
		return target.AsError(err)
	}
	if e := get(Options{Config: s3.Config{AWSProfile: "p"}}, "key"); e.Code != target.CodeCredentialsExpired || !waits(e) || strings.Contains(e.Cause, "environment") {
		t.Errorf("of the shared file: %v: %s", e, e.Remedy)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	t.Setenv("AWS_SESSION_TOKEN", "t")
	if e := get(Options{}, "key"); e.Code != target.CodeCredentialsExpired || waits(e) || !strings.Contains(e.Cause, "cannot go on by itself") || !strings.Contains(e.Remedy, "--aws-profile") {
		t.Errorf("of the environment: %v: %s", e, e.Remedy)
	}
	if e := get(Options{}, "refused"); e.Code != target.CodeCredentialsRefused || !waits(e) || !strings.Contains(e.Remedy, "sees no new environment") {
		t.Errorf("refused: %v: %s", e, e.Remedy)
	}
	if e := get(Options{Config: s3.Config{AWSProfile: "p"}}, "key"); !waits(e) {
		t.Errorf("a profile that is named comes before the environment: %v", e)
	}
}
