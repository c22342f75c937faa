package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/manifest"
)

func TestDiagnose(t *testing.T) {
	tests := []struct {
		err  error
		code int
	}{
		{nil, exitDone},
		{errors.New("x"), exitUnexpected},
		{usagef("x"), exitUsage},
		{fmt.Errorf("job: %w", crypto.ErrCodeTyping), exitKey},
		{errWrongCode, exitKey},
		{errors.Join(appliance.ErrTooFewDisks, disk.ErrReadBack), exitDisks},
		{errors.Join(appliance.ErrTooFewDisks, disk.ErrReadBack, appliance.ErrLost), exitLost},
		{errors.Join(appliance.ErrTooFewDisks, disk.ErrReadBack, appliance.ErrDoubted), exitLost},
		{errors.Join(appliance.ErrFull, appliance.ErrLost), exitLost},
		{errors.Join(appliance.ErrFull, appliance.ErrDoubted), exitLost},
		{errors.Join(scan.ErrSourceGone, appliance.ErrLost), exitLost},
		{errors.Join(appliance.ErrFindings, appliance.ErrLost), exitLost},
		{errors.Join(appliance.ErrOtherMedium, appliance.ErrDoubted), exitLost},
		{errors.Join(context.Canceled, appliance.ErrLost), exitLost},
		{errors.Join(context.Canceled, appliance.ErrDoubted), exitLost},
		{errors.Join(fmt.Errorf("%w: %w", appliance.ErrTooFewDisks, durable.ErrDiskFailed), fmt.Errorf("%w: %w", appliance.ErrDoubted, durable.ErrDiskFailed)), exitLost},
		{errors.Join(appliance.ErrLost, statefolder.Unusable("dev", syscall.EROFS)), exitLost},
		{errors.Join(appliance.ErrLost, firmware.ErrTampered), exitTampered},
		{fmt.Errorf("load: %w", scan.ErrEmptySource), exitSource},
		{statefolder.Unusable("dev", &fs.PathError{Op: "open", Path: "lock", Err: syscall.EROFS}), exitUnexpected},
		{fmt.Errorf("%w: %w", errJobFile, manifest.ErrUnverified), exitJob},
		{fmt.Errorf("%w: %w", errJobFile, manifest.ErrUnsupportedVersion), exitJob},
		{&firmware.StateError{State: firmware.Sealed, Event: firmware.EventUnlock}, exitState},
		{&firmware.StateError{State: firmware.Tampered, Event: firmware.EventUnlock}, exitTampered},
		{fmt.Errorf("disk: %w", syscall.ENOSPC), exitFull},
		{fmt.Errorf("load: %w", context.Canceled), exitInterrupted},
		{fmt.Errorf("wrap: %w", crypto.ErrKey), exitKey},
		{manifest.ErrUnverified, exitRefused},
		{hint(errUnproven, "other"), exitUnproven},
		{fmt.Errorf("%w: x", errExtract), exitObjects},
		{fmt.Errorf("%w: 2 things", errUnwaived), exitUnwaived},
	}
	for _, test := range tests {
		code, hints := diagnose(test.err)
		if code != test.code {
			t.Errorf("%v: exit code %d, want %d", test.err, code, test.code)
		}
		if code > exitUnexpected && len(hints) == 0 {
			t.Errorf("%v: no hint", test.err)
		}
	}
	if _, hints := diagnose(hint(errUnproven, "other")); len(hints) != 1 || hints[0] != "other" {
		t.Errorf("a place's own hint is not used: %q", hints)
	}
}

// TestDiagnoseLoss: no hint of a loss, whatever came with it, calls what is loaded safe
// or has the source put away.
func TestDiagnoseLoss(t *testing.T) {
	for _, loss := range []error{appliance.ErrLost, appliance.ErrDoubted} {
		for _, other := range []error{appliance.ErrFull, scan.ErrSourceGone, appliance.ErrFindings, context.Canceled, durable.ErrDiskFailed, disk.ErrReadBack, appliance.ErrTooFewDisks} {
			code, hints := diagnose(errors.Join(other, loss))
			text := strings.Join(hints, "\n")
			if code != exitLost || strings.Contains(text, "is safe") || !strings.Contains(text, "keep the source") {
				t.Errorf("%v and %v: exit code %d, %q", other, loss, code, hints)
			}
		}
	}
}

// TestExitCodesDocumented compares docs/exit-codes.md with the table in ui.go.
func TestExitCodesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range exitClasses {
		if line := fmt.Sprintf("| %d | %s | %s |", c.code, c.name, c.meaning); !strings.Contains(string(doc), line) {
			t.Errorf("docs/exit-codes.md has no line %q", line)
		}
	}
}

// TestGravity: every exit code has its place, and one error stands for several.
func TestGravity(t *testing.T) {
	for _, c := range exitClasses {
		if !slices.Contains(gravity, c.code) {
			t.Errorf("exit code %d has no place", c.code)
		}
	}
	if len(gravity) != len(exitClasses) {
		t.Errorf("%d places for %d exit codes", len(gravity), len(exitClasses))
	}
	skipped, objects, lost := fmt.Errorf("a: %w", errSkipped), fmt.Errorf("b: %w", errObjects), fmt.Errorf("c: %w", errLost)
	err := worst([]error{nil, skipped, objects, lost, nil})
	if code, _ := diagnose(err); code != exitLost || err.Error() != errors.Join(skipped, objects, lost).Error() {
		t.Errorf("exit code %d, %v", code, err)
	}
	if code, _ := diagnose(worst([]error{skipped, objects})); code != exitObjects {
		t.Errorf("exit code %d: it would say that the rest is done", code)
	}
	if worst([]error{nil, nil}) != nil {
		t.Error("an error of nothing")
	}
}

// TestErrorCodesDocumented compares docs/exit-codes.md with the importer's table.
func TestErrorCodesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range target.Codes() {
		if line := fmt.Sprintf("| `%s` | %s | %s | %s |", c.Code, c.Class, c.Meaning, c.Remedy); !strings.Contains(string(doc), line) {
			t.Errorf("docs/exit-codes.md has no line %q", line)
		}
	}
}

// TestVerbs: every verb has an example, a short text, and a place in a role's page.
func TestVerbs(t *testing.T) {
	var doc []byte
	for _, page := range []string{"field", "import", "audit"} {
		text, err := os.ReadFile("../../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		doc = append(doc, text...)
	}
	a := &app{out: io.Discard, err: io.Discard}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if c.HasSubCommands() {
			return
		}
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no short text", c.CommandPath())
		}
		if c.Name() != "version" && !c.Hidden && !strings.Contains(string(doc), c.CommandPath()) {
			t.Errorf("no page of a role mentions %q", c.CommandPath())
		}
	}
	walk(a.root())
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"4096": 4096, "4KiB": 4096, "1MiB": 1 << 20, "1m": 1 << 20, "2G": 2 << 30, "0": 0} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "K", "-1", "1X", "1MM", "9999999999T", "1.5G"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("parseSize(%q) = %d", in, got)
		}
	}
}

// What a newer sledge has made is told from what is forged.
func TestNewerVersion(t *testing.T) {
	if code, _ := diagnose(hint(fmt.Errorf("x: %w: %w", errRefused, fsck.ErrVersion), "ask")); code != exitVersion {
		t.Errorf("exit code %d", code)
	}
}

// A target that answers the plan's one question with 403 has halted it: there is no
// plan to estimate, though a probe may go well.
func TestEstimateWithoutPlan(t *testing.T) {
	if e, err := (&app{}).estimate(t.Context(), nil, importer.Options{}, nil); e != nil || err != nil {
		t.Errorf("%v, %v", e, err)
	}
}

// TestKnownErrorKeepsItsWords: an error of the device that the importer does not know has its own
// exit code, and whatever the importer says of it.
func TestKnownErrorKeepsItsWords(t *testing.T) {
	of := fmt.Errorf("page 0: %w", appliance.ErrRefused)
	err := targetError(target.NewError(target.CodeInternal, "k", "whether the commit marker was written is not known: "+of.Error(), of))
	if code, _ := diagnose(err); code != exitRefused || !strings.Contains(err.Error(), "is not known: page 0") {
		t.Errorf("exit %d: %v", code, err)
	}
	if code, _ := diagnose(targetError(target.NewError(target.CodeInternal, "k", "odd", errors.New("odd")))); code != exitUnexpected {
		t.Errorf("exit %d of an error that nobody knows", code)
	}
}
