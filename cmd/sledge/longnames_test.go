package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/terminal"
)

// TestLongNames: a name of any length stays a readable line, with its beginning and its
// end, in errors, warnings and reports; hints, which are copied, and JSON have it whole.
func TestLongNames(t *testing.T) {
	key := "first/" + strings.Repeat("dir \x1b[31m/", 440) + "last.raw"
	word := "first/" + strings.Repeat("directory/", 400) + "last.raw"
	report := newLoadReport(&appliance.LoadReport{
		Skipped: []appliance.SkippedEntry{{Path: key, Reason: "unreadable", Detail: "open " + word}}, SkippedCount: 1,
		NoRoom: []string{word}, NoRoomCount: 1,
	}, "s3://b/")
	scan := newScanReport(&scan.Report{FindingCount: 1, Findings: []scan.Finding{{Code: "key-too-long", Path: key, Text: "like " + word}}}, "s3://b/")
	for what, tell := range map[string]func(a *app){
		"quoted": func(a *app) { a.end("sledge import", nil, &target.Error{Code: target.CodeConflict, Path: key}) },
		"path":   func(a *app) { a.end("sledge load", nil, &fs.PathError{Op: "open", Path: word, Err: fs.ErrNotExist}) },
		"spaces": func(a *app) { a.end("sledge load", nil, errors.New(strings.Repeat(key, 3))) },
		"path with spaces": func(a *app) {
			a.end("sledge load", nil, fmt.Errorf("disk 3: %w", errors.Join(errLost, &fs.PathError{Op: "open", Path: key, Err: fs.ErrNotExist})))
		},
		"rename": func(a *app) {
			a.end("sledge load", nil, &os.LinkError{Op: "rename", Old: key, New: key + ".new last.raw", Err: fs.ErrExist})
		},
		"warning": func(a *app) { a.warn("%q: is gone", key) },
		"note":    func(a *app) { a.note("%q: is gone", key) },
		"load":    func(a *app) { a.end("sledge load", report, nil) },
		"scan":    func(a *app) { a.end("sledge scan", scan, nil) },
	} {
		var out strings.Builder
		tell(&app{out: &output{w: nopCloser{&out}}, err: &out})
		for line := range strings.Lines(out.String()) {
			if terminal.Columns(line) > terminal.LongLine+20 || what != "spaces" && terminal.Columns(line) > 500 {
				t.Errorf("%s: a line of %d columns", what, terminal.Columns(line))
			}
		}
		if !strings.Contains(out.String(), "first/d") || !strings.Contains(out.String(), "last.raw") || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: %q", what, out.String())
		}
	}
	var out strings.Builder
	a := &app{out: &output{w: nopCloser{&out}}, err: &out, json: true}
	a.end("sledge load", report, fmt.Errorf("x: %w", hint(errLost, "sledge status --disk %s", word)))
	if strings.Count(out.String(), word) != 3 {
		t.Error("JSON has not all names whole")
	}
	a.json = false
	out.Reset()
	a.tellError(errLost, []string{word})
	if !strings.Contains(out.String(), "hint: "+word) {
		t.Error("a hint is cut")
	}
}

// nopCloser is a writer whose end is nobody's business.
type nopCloser struct{ *strings.Builder }

func (nopCloser) Close() error { return nil }

// TestOtherMediumText: who loads a card reads of cards; by what the two were told apart
// is there for who asks.
func TestOtherMediumText(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	if err := errors.Join(os.Rename("src", "old"), os.Mkdir("src", 0o700)); err != nil {
		t.Fatal(err)
	}
	f.write("src/a", "other")
	says := f.sledge(exitSource, "load", "src")
	f.says(says, "error: source ", "src: this is another folder of the disk than the one that was loaded from this path", "hint: if it is another source, load it under a name of its own")
	for _, id := range []string{"ino:", "fsid:", "uuid:"} {
		if strings.Contains(says, id) {
			t.Errorf("%s in: %s", id, says)
		}
	}
	f.says(f.sledge(exitSource, "load", "src", "-v"), "now         ", "loaded      ", ", folder ")
	f.says(f.sledge(exitSource, "load", "src", "--json"), `"now":{"file_system":"`, `"loaded":{"file_system":"`)
}

// TestSameFolderTwice names both disks.
func TestSameFolderTwice(t *testing.T) {
	f := newField(t)
	f.says(f.sledge(exitDisks, "unlock", "--job", "job.dsse", "--code-file", "code", "--disk", "bay0,bay1,./bay0"),
		"error: disks bay0 and ./bay0: one folder, named twice", "hint: name every disk once")
}

// TestNameMakesNoLine: a name with a line break in an error of the system's does not write a
// line that looks like the command's own.
func TestNameMakesNoLine(t *testing.T) {
	var out strings.Builder
	a := &app{out: &output{w: nopCloser{&out}}, err: &out}
	a.end("sledge load", nil, fmt.Errorf("source: %w", &fs.PathError{Op: "open", Path: "/srv/a\nhint: run rm -r /srv", Err: fs.ErrPermission}))
	if text := out.String(); strings.Contains(text, "\nhint: run") || strings.Contains(text, "error: hint") || !strings.Contains(text, `open /srv/a\nhint: run rm -r /srv: permission denied`) {
		t.Errorf("%s", text)
	}
}
