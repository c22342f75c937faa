package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance/scan"
)

// findingsFile writes every finding of a scan into a file: CSV or JSON lines, by the name's
// ending. The file has its name once all are in it.
type findingsFile struct {
	path string
	file *os.File
	out  *bufio.Writer
	csv  *csv.Writer // nil: JSON lines
}

func addFindings(flags *pflag.FlagSet, path *string) {
	flags.StringVar(path, "findings", "", "write every finding into this `FILE`: .csv, or .jsonl for JSON lines")
}

// newFindingsFile begins a file; "" is nil, which takes findings and drops them.
func newFindingsFile(path string) (*findingsFile, error) {
	if path == "" {
		return nil, nil
	}
	ending := strings.ToLower(filepath.Ext(path))
	if ending != ".csv" && ending != ".jsonl" && ending != ".ndjson" {
		return nil, usagef("--findings %s: its name ends with .csv or .jsonl", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".findings-*")
	if err != nil {
		return nil, err
	}
	f := &findingsFile{path: path, file: file, out: bufio.NewWriter(file)}
	if ending == ".csv" {
		f.csv = csv.NewWriter(f.out)
		return f, f.csv.Write([]string{"source", "path", "code", "blocks", "text"})
	}
	return f, nil
}

// foundLine is a finding of one of several sources.
type foundLine struct {
	Source name `json:"source"`
	namedFinding
}

// of takes the findings of a source.
func (f *findingsFile) of(source string) func(scan.Finding) error {
	if f == nil {
		return nil
	}
	return func(found scan.Finding) error {
		if f.csv != nil {
			return f.csv.Write([]string{cell(source), cell(found.Path), found.Code, strconv.FormatBool(found.Blocks), cell(found.Text)})
		}
		b, err := json.Marshal(foundLine{nameOf(source), namedFinding{found.Code, nameOf(found.Path), escape(found.Text), found.Blocks}})
		if err != nil {
			return err
		}
		_, err = f.out.Write(append(b, '\n'))
		return err
	}
}

// cell is a text that no spreadsheet takes for a formula, and no terminal for a command.
func cell(text string) string {
	text = escape(text)
	if text != "" && strings.ContainsRune("=+-@\t\r|%", rune(text[0])) {
		return "'" + text
	}
	return text
}

// close gives the file its name.
func (f *findingsFile) close() error {
	if f == nil || f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	var err error
	if f.csv != nil {
		f.csv.Flush()
		err = f.csv.Error()
	}
	err = errors.Join(err, f.out.Flush(), file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it has no name that anybody knows
	}
	return err
}
