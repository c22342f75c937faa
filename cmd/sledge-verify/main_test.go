package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// platforms are those that auditors have.
var platforms = []string{"linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64", "darwin/amd64", "darwin/arm64", "js/wasm"}

// TestNoNetwork: on every platform the program links nothing that could open a connection, and
// nothing of ours beside the verifier and its small neighbours.
func TestNoNetwork(t *testing.T) {
	ours := []string{"cmd/sledge-verify", "internal/advice", "internal/cmdline", "internal/dossier", "internal/files", "internal/fsck", "internal/keyfile",
		"internal/keyless", "internal/keyless/program", "internal/terminal", "internal/verdict", "internal/vfs"}
	others := []string{"golang.org/x/mod/", "golang.org/x/sys/", "golang.org/x/text/", "github.com/klauspost/cpuid/", "github.com/klauspost/reedsolomon"}
	for _, platform := range platforms {
		system, arch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}}", ".")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		for line := range strings.Lines(string(out)) {
			path, standard, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch own, isOurs := strings.CutPrefix(path, "github.com/sledge-io/sledge/"); {
			case standard == "true":
				if path == "net" || strings.HasPrefix(path, "net/") || path == "crypto/tls" || path == "crypto/x509" || path == "os/exec" || path == "plugin" {
					t.Errorf("%s: %s is linked", platform, path)
				}
			case isOurs:
				if !slices.Contains(ours, own) && !strings.HasPrefix(own, "internal/fsck/") {
					t.Errorf("%s: %s is linked", platform, own)
				}
			case !slices.ContainsFunc(others, func(p string) bool { return strings.HasPrefix(path, p) }):
				t.Errorf("%s: %s is linked", platform, path)
			}
		}
	}
}
