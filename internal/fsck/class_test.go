package fsck

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// severities by the names that the source gives them.
var severities = map[string]Severity{"Note": Note, "Warning": Warning, "Repairable": Repairable, "Lost": Lost, "Fatal": Fatal}

// graded is a class with a severity with which it is found.
type graded struct {
	class    string
	severity Severity
}

// classReader collects what the source can find.
type classReader struct {
	t     *testing.T
	files *token.FileSet
	found map[graded]string // → where
}

// sayers are the functions that make findings: those with true take a severity
// before the class, the others' findings are fatal.
var sayers = map[string]bool{"Add": true, "Repeat": true, "Stripe": true, "say": true, "fatal": false, "refuse": false}

// function reads one function. The sayers themselves only hand on.
func (r *classReader) function(f *ast.FuncDecl) {
	if _, handsOn := sayers[f.Name.Name]; handsOn || f.Name.Name == "keep" {
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			r.call(f, n)
		case *ast.CompositeLit:
			if last(n.Type) == "Finding" && f.Name.Name != "Finish" {
				r.t.Errorf("%s: a Finding that no sayer has made", r.files.Position(n.Pos()))
			}
		}
		return true
	})
}

func (r *classReader) call(f *ast.FuncDecl, call *ast.CallExpr) {
	to, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	has, known := sayers[to.Sel.Name]
	if !known || len(call.Args) < 3 && has || len(call.Args) == 0 {
		return // the name is also that of functions that add something else
	}
	severity, class := Fatal, call.Args[0]
	if has {
		name := last(call.Args[0])
		if !isSeverity(name) {
			r.t.Errorf("%s: the severity is not a constant", r.files.Position(call.Pos()))
			return
		}
		severity = severities[name]
		class = call.Args[1]
	}
	if of, ok := class.(*ast.SelectorExpr); ok && of.Sel.Name == "Class" {
		return // a finding that was made elsewhere is handed on
	}
	names := literals(f, class)
	if len(names) == 0 {
		r.t.Errorf("%s: the class is not a literal", r.files.Position(call.Pos()))
	}
	for _, name := range names {
		r.found[graded{name, severity}] = r.files.Position(call.Pos()).String()
	}
}

// last is the name that an expression ends in, of this package or another; "" if it is
// no name.
func last(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func isSeverity(name string) bool { _, ok := severities[name]; return ok }

// literals are the texts that an expression may have: its own, or those that the
// function assigns to the variable.
func literals(f *ast.FuncDecl, e ast.Expr) (all []string) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			all = append(all, text)
		}
	case *ast.Ident:
		ast.Inspect(f, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 {
				if to, ok := a.Lhs[0].(*ast.Ident); ok && to.Name == e.Name {
					if lit, ok := a.Rhs[0].(*ast.BasicLit); ok {
						all = append(all, literals(f, lit)...)
					}
				}
			}
			return true
		})
	}
	return all
}

// classes reads them from the source of this package and of those below it.
func classes(t *testing.T) map[graded]string {
	t.Helper()
	r := &classReader{t: t, files: token.NewFileSet(), found: map[graded]string{}}
	sources, err := filepath.Glob("*.go")
	rooms, err2 := filepath.Glob("*/*.go")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	sources = append(sources, rooms...)
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if filepath.Dir(name) == "custody" {
			continue // it has classes of its own, each with a made attack (custody's tests)
		}
		file, err := parser.ParseFile(r.files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				r.function(f)
			}
		}
	}
	return r.found
}

// TestEveryClass demands a fixture for every class of finding that the verifier can
// give, and for every severity that it gives it.
func TestEveryClass(t *testing.T) {
	all := classes(t)
	if len(all) < 70 {
		t.Fatalf("only %d classes were read from the source", len(all))
	}
	made := map[graded]bool{}
	note := func(findings []Finding) {
		for _, f := range findings {
			made[graded{f.Class, f.Severity}] = true
		}
	}
	for _, c := range damageCases {
		note(c.report(t).Findings)
	}
	for _, c := range planCases {
		note(c.report(t).Findings)
	}
	for _, c := range slices.Concat(unsealedCases, lastFrameCases) {
		note(c.report(t).Findings)
	}
	note(manifestReport(t, withoutBays(t, makeDevice(t, smallPlan()), 0, 1)).Findings)
	for _, c := range receiptCases {
		r := c.report(t)
		note(r.Findings)
		note(r.Manifest.Findings)
	}
	for _, c := range acceptanceCases {
		note(c.report(t).Findings)
	}
	for g, where := range all {
		if !made[g] {
			t.Errorf("%s: no fixture gives %q as %v", where, g.class, g.severity)
		}
	}
	for g := range made {
		if _, known := all[g]; !known {
			t.Errorf("%q as %v was found, and is not in the source", g.class, g.severity)
		}
	}
	names := map[string]bool{}
	for g := range all {
		names[g.class] = true
	}
	t.Logf("figure: %d classes of findings, %d with their severities, each with a fixture", len(names), len(all))
}
