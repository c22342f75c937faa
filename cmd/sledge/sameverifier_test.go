package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/keyless/program"
)

// sameAsVerifier is the command for the scripts: of each "sledge verify" that sledge-verify can
// do, too, both must say the same, byte for byte, as text and as JSON, and end with the same
// code. So every disk, proof and receipt of the scripts, and every damage to them, is looked at
// by both.
func sameAsVerifier(main func()) func() {
	return func() {
		if line := os.Args[1:]; verifierDoes(line) {
			for _, more := range [][]string{nil, {"--json", "-q"}} {
				if err := compareWithVerifier(append(slices.Clone(line), more...)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(97)
				}
			}
		}
		main()
	}
}

// verifierDoes tells whether a command is one that needs no store and no state folder.
func verifierDoes(line []string) bool {
	if len(line) < 2 || line[0] != "verify" || slices.Contains(line, "--help") {
		return false
	}
	switch line[1] {
	case "import":
		if !slices.Contains(line, "--offline") {
			return false
		}
	case "commit", "disks", "manifest", "proof", "acceptance":
	default:
		return false
	}
	return !slices.ContainsFunc(line[2:], func(word string) bool {
		return strings.HasPrefix(word, "s3://") || strings.HasPrefix(word, "--by") || strings.HasPrefix(word, "--sample") || isStateFolder(word)
	})
}

// isStateFolder tells a folder around receipts.
func isStateFolder(name string) bool {
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return false
	}
	_, bare := os.Stat(filepath.Join(name, "log", "checkpoint"))
	_, disk := os.Stat(filepath.Join(name, "sledge"))
	list, _ := filepath.Glob(filepath.Join(name, "*"))
	return bare != nil && disk != nil && len(list) > 0
}

// compareWithVerifier has both programs do a command.
func compareWithVerifier(line []string) error {
	var out, errs bytes.Buffer
	code := program.Program{Version: version, Out: &out, Err: &errs}.Run(context.Background(), line[1:])
	ownOut, ownErrs, ownCode, err := runHere(line)
	if err != nil {
		return err
	}
	for _, c := range []struct{ what, own, verifier string }{
		{"standard output", ownOut, out.String()},
		{"errors and hints", told(ownErrs), told(errs.String())},
		{"exit code", fmt.Sprint(ownCode), fmt.Sprint(code)},
	} {
		if own := asVerifier(c.own); ofDevice.ReplaceAllString(own, "") != c.verifier {
			return fmt.Errorf("sledge %s: %s of sledge and of sledge-verify differ:\n%s\n--- and\n%s", strings.Join(line, " "), c.what, own, c.verifier)
		}
	}
	return nil
}

// ofDevice is what the hints of sledge add where a device's state folder was named.
var ofDevice = regexp.MustCompile(` --device [^ "\n]+`)

// asVerifier puts the other program's name in where the verb that was called is told.
func asVerifier(text string) string {
	for _, v := range []string{"disks", "manifest", "proof", "import", "acceptance", "commit"} {
		for _, form := range []string{`"verb":"%s %s"`, "see %s %s --help", "error: %s %s: ", `"error":"%s %s: `} {
			text = strings.ReplaceAll(text, fmt.Sprintf(form, "sledge verify", v), fmt.Sprintf(form, "sledge-verify", v))
		}
	}
	return text
}

// told are the errors and hints: notes about an import's state folder are sledge's alone.
func told(text string) (lines string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "error: ") || strings.HasPrefix(line, "hint: ") {
			lines += line
		}
	}
	return lines
}

// runHere is this program's run, with its streams in files.
func runHere(line []string) (out, errs string, code int, err error) {
	var files [2]*os.File
	for i := range files {
		if files[i], err = os.CreateTemp("", "stream-"); err != nil {
			return "", "", 0, err
		}
		defer os.Remove(files[i].Name())
		defer files[i].Close()
	}
	stdout, err := os.OpenFile(files[0].Name(), os.O_WRONLY, 0) // run closes it
	if err != nil {
		return "", "", 0, err
	}
	code = run(line, os.Stdin, stdout, files[1])
	var text [2]string
	for i, f := range files {
		b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<24))
		if err != nil {
			return "", "", 0, err
		}
		text[i] = string(b)
	}
	return text[0], text[1], code, nil
}

// TestVerifierCodes: sledge-verify's exit codes, their names and its hints are those of
// sledge, for every kind of error that its verbs end with.
func TestVerifierCodes(t *testing.T) {
	a := &app{}
	for _, d := range keyless.Diagnoses() {
		for _, err := range d.Is {
			if err.Error() == "usage" {
				err = usagef("x")
			}
			if err == keyless.ErrOutput {
				err = errOutput
			}
			code, hints := diagnose(fmt.Errorf("x: %w", err))
			for i := range hints {
				hints[i] = a.commands(hints[i])
			}
			if code != d.Code || className(code) != keyless.Class(code) || !slices.Equal(hints, d.Hints) {
				t.Errorf("%v: sledge has %d %s %q, sledge-verify %d %s %q", err, code, className(code), hints, d.Code, keyless.Class(d.Code), d.Hints)
			}
		}
	}
}
