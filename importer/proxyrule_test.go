package importer

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

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
	cleanAWS(t)
	seen := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen++ }))
	defer proxy.Close()
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer service.Close()
	client := newHTTPClient(Options{Proxy: proxy.URL})
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
