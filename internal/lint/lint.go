// Package lint holds the rules of this tree that no compiler holds: which
// package may import which (arrows.go), that every package has exactly one doc
// comment that godoc shows (docs.go), that files stay readable and name no one's
// machine (text.go), and that links, tables and sentences of the documents are whole
// and short (markdown.go, sentences.go). Its tests apply them, so "go test" is the
// only tool to know.
//
// The tree is read once, file by file, whatever its build tags:
//
//	tree, err := Load(root)      // parsed imports and comments
//	findings := Arrows(tree)     // "appliance/seal.go: may not import importer: …"
//
// Rules may name packages that do not exist yet.
package lint

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// A File is one Go file: its path below the root with slashes, its package
// clause and comments, and what it imports.
type File struct {
	Path    string
	Name    string   // of the package clause
	Imports []string // import paths as written
	Lines   int

	Doc string // doc comment of the package clause, directives left out
	Cut string // a package doc that a blank line cuts off from its clause
}

// Dir is the package's folder below the root, "." for the root itself.
func (f File) Dir() string { return path.Dir(f.Path) }

// Test reports whether only "go test" compiles the file.
func (f File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// A Tree is the module as it lies on disk.
type Tree struct {
	Module string // module path
	Files  []File
}

// Load parses the Go files of the module at root. Other modules below it, and
// the folders build, vendor, testdata and those with a leading dot or
// underscore, are left out.
func Load(root string) (*Tree, error) {
	module, err := modulePath(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	tree := &Tree{Module: module}
	err = walk(root, func(name string, data []byte) error {
		if !strings.HasSuffix(name, ".go") || hasElement(name, "testdata") {
			return nil
		}
		file, err := parse(name, data)
		tree.Files = append(tree.Files, file)
		return err
	})
	if err == nil && len(tree.Files) == 0 {
		err = fmt.Errorf("%s: no Go files", root)
	}
	return tree, err
}

func modulePath(goMod string) (string, error) {
	data, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if module, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(module), nil
		}
	}
	return "", fmt.Errorf("%s: no module line", goMod)
}

// walk calls fn for every regular file of the module, with its slash path. A
// file that vanishes meanwhile (an editor's, another session's) is not there.
func walk(root string, fn func(name string, data []byte) error) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && file != root {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if name != "." && leftOut(file, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || name == ".git" { // a worktree's points to its repository
			return nil
		}
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(name, data)
	})
}

func leftOut(dir, name string) bool {
	base := path.Base(name)
	if name == "build" || name == ".git" || base == "vendor" || base[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func hasElement(name, element string) bool {
	return strings.Contains("/"+name, "/"+element+"/")
}

func parse(name string, data []byte) (File, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, data, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return File{Path: name}, err
	}
	file := File{Path: name, Name: syntax.Name.Name, Lines: strings.Count(string(data), "\n")}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		file.Imports = append(file.Imports, imported)
	}
	file.Doc, file.Cut = packageDoc(syntax)
	return file, nil
}

// packageDoc returns the doc comment of the package clause and, where a comment
// above the clause begins like one without touching it, that comment.
func packageDoc(syntax *ast.File) (doc, cut string) {
	if syntax.Doc != nil {
		doc = syntax.Doc.Text()
	}
	for _, group := range syntax.Comments {
		text := group.Text()
		if group == syntax.Doc || group.Pos() > syntax.Package {
			continue
		}
		if strings.HasPrefix(text, "Package ") || strings.HasPrefix(text, "Command ") {
			cut = text
		}
	}
	return doc, cut
}
