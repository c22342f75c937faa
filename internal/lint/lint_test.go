package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func load(t *testing.T) *Tree {
	t.Helper()
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func report(t *testing.T, findings []string) {
	t.Helper()
	for _, finding := range findings {
		t.Error(finding)
	}
}

func TestArrows(t *testing.T) { report(t, Arrows(load(t))) }

func TestPackageDocs(t *testing.T) { report(t, Docs(load(t))) }

func TestFileSizes(t *testing.T) { report(t, Sizes(load(t))) }

func TestMachinePaths(t *testing.T) {
	findings, err := MachinePaths(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

func TestProperties(t *testing.T) {
	findings, err := Properties(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

// TestPropertiesRefuses: an unknown number, a test that is gone, and a number twice.
func TestPropertiesRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"docs/threat-model.md": "kept (P1–P3)\n\n| P1 | one | a.TestOne |\n| P2 | two | a.TestGone |\n| P2 | again | – |\n",
		"a/a_test.go":          "package a\n\n// TestOne is of P9.\nfunc TestOne(t *testing.T) { P8() }\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	findings, err := Properties(dir)
	got := strings.Join(findings, "\n")
	if err != nil || len(findings) != 4 {
		t.Errorf("%v: %s", err, got)
	}
	for _, want := range []string{"a/a_test.go: P9", "P3 is not in", "no TestGone", "P2 stands there twice"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not among them: %s", want, got)
		}
	}
}

// TestLoadSeesItself fails if Load finds an empty or foreign tree: the tests
// above would pass on nothing.
func TestLoadSeesItself(t *testing.T) {
	tree := load(t)
	for _, file := range tree.Files {
		if file.Path == "internal/lint/lint.go" {
			if file.Doc == "" || len(file.Imports) == 0 || file.Lines == 0 {
				t.Errorf("lint.go was not read whole: %+v", file)
			}
			return
		}
	}
	t.Errorf("lint.go is not among %d files of %s", len(tree.Files), tree.Module)
}

// TestArrowsRefuses breaks every arrow and gate once, and walks next to each.
func TestArrowsRefuses(t *testing.T) {
	const sdk = "github.com/aws/aws-sdk-go-v2/service/s3"
	tests := []struct {
		file, imported string
		want           bool // refused
	}{
		{"crypto/note.go", "crypto/ed25519", false},
		{"crypto/note.go", "golang.org/x/mod/sumdb/note", false},
		{"crypto/wrap.go", "filippo.io/age", false},
		{"crypto/hash.go", "github.com/minio/sha256-simd", false},
		{"crypto/hash.go", "github.com/minio/sha256-simd-fork", true},
		{"crypto/hash.go", "github.com/minio/crc64nvme", true},
		{"crypto/hash.go", "m/internal/vfs", true},
		{"crypto/hash.go", "m", true},
		{"crypto/hash_test.go", "m/internal/vfs", false},
		{"crypto/hash.go", "m/crypto/floe", false},
		{"manifest/log.go", "m/crypto", false},
		{"manifest/log.go", "m/internal/fields", false},
		{"manifest/log.go", "m/internal/durable", true},
		{"manifest/log.go", "github.com/parquet-go/parquet-go", true},
		{"internal/vfs/os.go", "golang.org/x/sys/unix", false},
		{"internal/vfs/os.go", "m/internal/durable", true},
		{"internal/durable/file.go", "m/internal/vfs", false},
		{"internal/durable/file.go", "golang.org/x/sys/unix", true},
		{"internal/erasure/code.go", "github.com/klauspost/reedsolomon", false},
		{"internal/erasure/code.go", "m/internal/vfs", true},
		{"internal/fsck/log.go", "golang.org/x/mod/sumdb/tlog", false},
		{"internal/fsck/log.go", "github.com/minio/crc64nvme", true},
		{"internal/fsck/log.go", "m/manifest", true},
		{"internal/fsck/log_test.go", "m/appliance", false},
		{"appliance/load.go", "m/internal/erasure", false},
		{"appliance/load.go", "github.com/parquet-go/parquet-go", false},
		{"appliance/load.go", "m/importer", true},
		{"appliance/load.go", "m/firmware", true},
		{"appliance/load.go", "m/internal/demo", true},
		{"importer/run.go", "m/manifest", false},
		{"importer/run.go", "m/appliance", true},
		{"importer/run.go", "m/internal/erasure", true},
		{"importer/run.go", sdk, true},
		{"importer/run_test.go", sdk, true},
		{"importer/target/s3/client.go", sdk, false},
		{"importer/manager.go", sdk, false},
		{"importer/s3/client.go", sdk, true},
		{"e2e/demo_test.go", sdk, true},
		{"firmware/state.go", "m/internal/durable", false},
		{"firmware/state.go", "m/manifest", true},
		{"simulator/disk.go", "m/appliance", false},
		{"simulator/disk.go", "m/cmd/sledge", true},
		{"importer/run.go", "m/simulator", true},
		{"importer/run_test.go", "m/simulator", false},
		{"internal/other/x.go", "m/simulator/fleet", true},
		{"internal/demo/main.go", "m/simulator", false},
		{"e2e/disks.go", "m/simulator", false},
		{"cmd/sledge/load.go", "m/appliance", false},
		{"cmd/sledge/load.go", "m/simulator", false},
		{"e2e/run_test.go", "m/cmd/sledge", true},
		{"internal/other/x.go", "m/cmd/sledge/ui", true},
		{"cmd/sledge/main.go", "m/cmd/internal/ui", false},
		{"internal/other/x.go", "example.org/anything", false},
	}
	for _, test := range tests {
		tree := &Tree{Module: "m", Files: []File{{Path: test.file, Imports: []string{test.imported}}}}
		if got := Arrows(tree); (len(got) > 0) != test.want {
			t.Errorf("%s imports %s: refused = %v, want %v: %q", test.file, test.imported, len(got) > 0, test.want, got)
		}
	}
}

// TestReadersRefuseDetours hides a writer behind packages that have no arrows.
func TestReadersRefuseDetours(t *testing.T) {
	tree := &Tree{Module: "m", Files: []File{
		{Path: "importer/run.go", Imports: []string{"m/crypto", "m/internal/durable"}},
		{Path: "internal/durable/file.go", Imports: []string{"m/internal/vfs"}},
		{Path: "internal/vfs/os.go", Imports: []string{"os"}},
		{Path: "internal/vfs/os_test.go", Imports: []string{"m/appliance"}},
		{Path: "crypto/note.go"},
		{Path: "appliance/load.go", Imports: []string{"m/crypto"}},
	}}
	report(t, Arrows(tree))

	tree.Files = append(tree.Files, File{Path: "internal/vfs/mem.go", Imports: []string{"m/internal/helper"}},
		File{Path: "internal/helper/x.go", Imports: []string{"m/appliance", "m/importer"}})
	got := strings.Join(check(tree, nil, readers, nil), "\n")
	want := "importer: may not reach internal/durable → internal/vfs → internal/helper → appliance: what verifies"
	if !strings.Contains(got, want) {
		t.Errorf("findings %q, want %q", got, want)
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"...", "x/y", true},
		{"...", ".", true},
		{"x", "x", true},
		{"x", "x/y", false},
		{"x/...", "x", true},
		{"x/...", "x/y/z", true},
		{"x/...", "xy", false},
		{"x/s3*.go", "x/s3.go", true},
		{"x/s3*.go", "x/s3/a.go", false},
	}
	for _, test := range tests {
		if got := matches(test.pattern, test.name); got != test.want {
			t.Errorf("matches(%q, %q) = %v, want %v", test.pattern, test.name, got, test.want)
		}
	}
}

// TestDocsRefuses writes made-up packages and expects the one finding named.
func TestDocsRefuses(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string // "" for none
	}{
		{"good", map[string]string{"p/a.go": "// Package p is.\npackage p\n", "p/b.go": "package p\n", "p/a_test.go": "// Package p tests.\npackage p\n"}, ""},
		{"build tag and licence", map[string]string{"p/a.go": "// Copyright.\n\n//go:build linux\n\n// Package p is.\npackage p\n"}, ""},
		{"name at the line end", map[string]string{"p/a.go": "// Package p\n// is.\npackage p\n"}, ""},
		{"main", map[string]string{"p/a.go": "// Sledge moves data.\npackage main\n"}, ""},
		{"only tests", map[string]string{"p/a_test.go": "// Package p is.\npackage p\n"}, ""},
		{"testdata", map[string]string{"p/a.go": "// Package p is.\npackage p\n", "p/testdata/q/a.go": "package broken("}, ""},
		{"none", map[string]string{"p/a.go": "package p\n"}, "p: no file has a package doc"},
		{"only a directive", map[string]string{"p/a.go": "//go:build linux\npackage p\n"}, "p: no file has a package doc"},
		{"two", map[string]string{"p/a.go": "// Package p is.\npackage p\n", "p/b.go": "// Package p was.\npackage p\n"}, "more than one package doc comment: p/a.go, p/b.go"},
		{"cut off", map[string]string{"p/a.go": "// Package p is.\n\npackage p\n"}, "p/a.go: package doc is cut off"},
		{"wrong name", map[string]string{"p/a.go": "// Package q is.\npackage p\n"}, `p/a.go: package doc does not begin with "Package p"`},
	}
	for _, test := range tests {
		tree, err := Load(module(t, test.files))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got := strings.Join(Docs(tree), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: findings %q, want %q", test.name, got, test.want)
		}
	}
}

func TestSizesRefuses(t *testing.T) {
	tree := &Tree{Files: []File{{Path: "a.go", Lines: maxLines}, {Path: "b.go", Lines: maxLines + 1}, {Path: "c_test.go", Lines: maxLines + 1}}}
	if got := Sizes(tree); len(got) != 1 || !strings.HasPrefix(got[0], "b.go: 901 lines") {
		t.Errorf("Sizes = %q, want b.go alone", got)
	}
}

func TestMachinePathsRefuses(t *testing.T) {
	tests := []struct {
		line string
		want bool
	}{
		{"see /" + "work/shared", true},
		{`"/` + `home/alice/data"`, true},
		{"/" + "root/go", true},
		{"=/" + "Users/bob/x", true},
		{"/nonesuch/of/mine/x", true}, // the home folder below
		{"../shared/vectors", false},
		{"https://example.org/" + "work/x", false},
		{"net/" + "work/x", false},
		{"/srv/data /mnt/disk01", false},
	}
	t.Setenv("HOME", "/nonesuch/of/mine")
	for _, test := range tests {
		got, err := MachinePaths(module(t, map[string]string{"notes.md": "first\n" + test.line + "\n"}))
		if err != nil {
			t.Fatal(err)
		}
		if (len(got) == 1) != test.want || len(got) > 0 && !strings.HasPrefix(got[0], "notes.md:2: ") {
			t.Errorf("%q: findings %q, want one: %v", test.line, got, test.want)
		}
	}
}

// module writes a module of these files and returns its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.org/m\n"
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
