// Command vuln reads what "govulncheck -format json" writes, on standard input, and tells
// which known vulnerabilities the programs have. It exits 1 if a vulnerable function of a
// module can be called. What is in a module that no program calls, and what is in the Go
// toolchain, is listed: the first does no harm, and the second goes with a newer Go.
//
//	govulncheck -format json ./cmd/... | vuln DATE
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "vuln: give the date of the database")
		os.Exit(2)
	}
	n, err := tell(os.Stdin, os.Stdout, os.Args[1])
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "vuln:", err)
		os.Exit(1)
	case n > 0:
		fmt.Fprintf(os.Stderr, "vuln: %d of modules can be called\nhint: go get MODULE@FIXED, then go mod tidy\n", n)
		os.Exit(1)
	}
}

// message is one JSON object of govulncheck's stream, as far as it counts.
type message struct {
	Config *struct {
		GoVersion string `json:"go_version"`
		ScanLevel string `json:"scan_level"`
	} `json:"config"`
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"osv"`
	Finding *finding `json:"finding"`
}

type finding struct {
	OSV   string  `json:"osv"`
	Fixed string  `json:"fixed_version"`
	Trace []frame `json:"trace"`
}

// frame is a step of the way to the vulnerable function, which is the first one.
type frame struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Package  string `json:"package"`
	Function string `json:"function"`
	Receiver string `json:"receiver"`
}

func (f frame) name() string {
	if f.Receiver == "" {
		return f.Package + "." + f.Function
	}
	return fmt.Sprintf("%s.(%s).%s", f.Package, f.Receiver, f.Function)
}

// The standard library and the go command are modules of these names to govulncheck.
var ofToolchain = []string{"stdlib", "toolchain"}

// hit is a vulnerability in a module, by the worst that was found of it.
type hit struct {
	id, module, version, fixed string
	called                     string // the vulnerable function; "" is none
	by                         string // the first function of the programs' own on the way to it
}

// tell writes the report, and counts what can be called of modules. A stream that does not
// say that symbols were looked for is no answer.
func tell(in io.Reader, out io.Writer, date string) (callable int, err error) {
	hits, summaries := map[[2]string]*hit{}, map[string]string{}
	var scanned *message
	for d := json.NewDecoder(in); ; {
		var m message
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, fmt.Errorf("govulncheck's answer: %w", err)
		}
		switch {
		case m.Config != nil:
			scanned = &m
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil && len(m.Finding.Trace) > 0:
			add(hits, m.Finding)
		}
	}
	if scanned == nil || scanned.Config.ScanLevel != "symbol" {
		return 0, errors.New("govulncheck did not look for symbols")
	}
	fmt.Fprintf(out, "vulnerabilities known on %s, in the programs as %s builds them\n", date, scanned.Config.GoVersion)
	keys := slices.SortedFunc(maps.Keys(hits), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys {
		h := hits[key]
		kind := "CALLABLE"
		switch {
		case slices.Contains(ofToolchain, h.module):
			kind = "toolchain"
		case h.called == "":
			kind = "not called"
		default:
			callable++
		}
		fmt.Fprintf(out, "%-10s  %s %s %s, fixed in %s: %s\n", kind, h.id, h.module, h.version, orNone(h.fixed), summaries[h.id])
		if h.called != "" {
			fmt.Fprintf(out, "            %s, by way of %s\n", h.called, h.by)
		}
	}
	fmt.Fprintf(out, "vuln: %d found, %d callable of modules\n", len(hits), callable)
	return callable, nil
}

func add(hits map[[2]string]*hit, f *finding) {
	at := f.Trace[0]
	key := [2]string{f.OSV, at.Module}
	h := hits[key]
	if h == nil {
		h = &hit{id: f.OSV, module: at.Module, version: at.Version, fixed: f.Fixed}
		hits[key] = h
	}
	if at.Function == "" || h.called != "" {
		return
	}
	h.called, h.by = at.name(), f.Trace[len(f.Trace)-1].name()
	for _, step := range f.Trace {
		if strings.HasPrefix(step.Module, "github.com/sledge-io/") {
			h.by = step.name()
			return
		}
	}
}

func orNone(version string) string {
	if version == "" {
		return "no version"
	}
	return version
}
