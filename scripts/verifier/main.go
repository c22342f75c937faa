// Command verifier makes the verifier's page: sledge-verify for browsers in one HTML file, which
// works from a folder and asks no network. It runs in the root of the tree.
//
//	verifier -version v1.2.3 -out verifier.html
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

//go:embed page.js
var script string

func main() {
	version := flag.String("version", "devel", "the version that the page shows")
	out := flag.String("out", "", "the page's file")
	flag.Parse()
	if err := write(*out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "verifier:", err)
		os.Exit(1)
	}
}

func write(out, version string) error {
	program, err := build(version)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	loader, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	page, err := assemble(version, program, string(loader))
	if err != nil {
		return err
	}
	return os.WriteFile(out, page, 0o644)
}

// build is sledge-verify for browsers.
func build(version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "verifier-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "program.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+version, "-o", file, "./cmd/sledge-verify")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go build for js/wasm: %w", err)
	}
	return os.ReadFile(file)
}

// page is what the template says.
type page struct {
	Version, Sum, Program string
	Style, Exec, Script   string
	StyleSum, ScriptSums  string
}

// assemble puts the page together. Scripts and style count by their sums alone, so that nothing
// that gets into the page later is run.
func assemble(version string, program []byte, loader string) ([]byte, error) {
	for what, text := range map[string]string{"the loader": loader, "the script": script} {
		if strings.Contains(text, "</script") || strings.Contains(text, "<!--") {
			return nil, fmt.Errorf("%s would end its element", what)
		}
	}
	packed, err := pack(program)
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, page{
		Version: version, Sum: fmt.Sprintf("%x", sha256.Sum256(program)), Program: base64.StdEncoding.EncodeToString(packed),
		Style: style, Exec: loader, Script: script, StyleSum: source(style), ScriptSums: source(loader) + " " + source(script),
	})
	return b.Bytes(), err
}

func pack(program []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// source names a text in a content security policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
