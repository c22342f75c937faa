package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"testing"
)

// TestPage: the page runs its own scripts and no others, may load nothing, and holds the
// program as it was built.
func TestPage(t *testing.T) {
	program := []byte("a program")
	text, err := assemble("v1", program, "globalThis.Go = class {};\n")
	if err != nil {
		t.Fatal(err)
	}
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindSubmatch(text)
	if policy == nil || !strings.HasPrefix(string(policy[1]), "default-src 'none'; ") || strings.Contains(string(policy[1]), "unsafe-inline") || strings.Contains(string(policy[1]), "connect-src") {
		t.Fatalf("policy %q", policy)
	}
	scripts := regexp.MustCompile(`(?s)<(script|style)>(.*?)</(?:script|style)>`).FindAllSubmatch(text, -1)
	if len(scripts) != 3 {
		t.Fatalf("%d scripts and styles", len(scripts))
	}
	for _, s := range scripts {
		sum := sha256.Sum256(s[2])
		if !bytes.Contains(policy[1], []byte("'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")) {
			t.Errorf("the policy does not have the sum of %.60s…", s[2])
		}
	}
	held := regexp.MustCompile(`type="text/plain">([A-Za-z0-9+/=]*)</script>`).FindSubmatch(text)
	if held == nil {
		t.Fatal("no program")
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(held[1])))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, program) {
		t.Errorf("%q, %v", got, err)
	}
	if again, _ := assemble("v1", program, "globalThis.Go = class {};\n"); !bytes.Equal(again, text) {
		t.Error("the page is another one each time")
	}
	for _, bad := range []string{"a</script>b", "a<!--b"} {
		if _, err := assemble("v1", program, bad); err == nil {
			t.Errorf("%q ends its element", bad)
		}
	}
}
