package main

// The rules of the command's text:
//
//   - Results go to stdout, everything else to stderr. With --json stdout has one
//     JSON object and stderr has JSON lines.
//   - An error is one line, "error: " and the fact, lower case, with its place;
//     then "hint: " lines that say what to do next. Hints and exit codes are in
//     [diagnose] and nowhere else.
//   - Exit code 0 means done and proven, never "done, but".
//   - Control characters in names are escaped, so that a file name cannot drive
//     the operator's terminal.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/acceptance"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// Exit codes, listed in docs/exit-codes.md (a test compares them).
const (
	exitDone        = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitKey         = 3
	exitJob         = 4
	exitState       = 5
	exitDisks       = 6
	exitLost        = 7
	exitDamage      = 8
	exitUnproven    = 9
	exitRefused     = 10
	exitSource      = 11
	exitTarget      = 12
	exitObjects     = 13
	exitConflict    = 14
	exitFull        = 15
	exitDiskFailed  = 16
	exitWrap        = 17
	exitBusy        = 18
	exitNotFound    = 19
	exitVersion     = 20
	exitTampered    = 21
	exitExtras      = 22
	exitUnwaived    = 23
	exitBehind      = 24
	exitGap         = 25
	exitAlone       = 26
	exitException   = 27
	exitUnrecorded  = 28
	exitInPart      = 29
	exitInterrupted = 130
)

// exitClasses names the codes, for --json and the documentation.
var exitClasses = []struct {
	code          int
	name, meaning string
}{
	{exitDone, "done", "done, and everything that was asked for is proven"},
	{exitUnexpected, "unexpected", "an error that has no class of its own; the text says what failed"},
	{exitUsage, "usage", "the command line is wrong; nothing was done"},
	{exitKey, "key", "an unlock code is mistyped or wrong, or a key does not open this data"},
	{exitJob, "job", "the job file is damaged, altered, unsigned, of another site, older, or expired"},
	{exitState, "state", "the device's state does not allow this"},
	{exitDisks, "disks", "disks are missing, not mounted, not fit, of another job, device or generation, or there twice"},
	{exitLost, "lost", "data is lost: more than m shards of a stripe; the entries are named"},
	{exitDamage, "damage", "damage was found; it was or can be repaired, nothing is lost"},
	{exitUnproven, "unproven", "consistent, but the origin is not proven: no trusted key was given"},
	{exitRefused, "refused", "a signature, commitment or label does not fit, or a signed log breaks the format: forged, altered, put back, or made by a faulty loader; do not use"},
	{exitSource, "source", "the rest is done, and source entries were skipped, changed or kept in an older version; or a seal lacks what a load had left; or the source has gone: load again"},
	{exitTarget, "target", "the target or the import's state folder needs the operator, or a canceled run has left something in the target; the same command goes on"},
	{exitObjects, "objects", "some objects are not in the target, or not proven; the rest is done"},
	{exitConflict, "conflict", "a key or file exists with other content; it was not touched"},
	{exitFull, "full", "a disk has no space left"},
	{exitDiskFailed, "disk-failed", "a disk failed while it was written, or does not answer"},
	{exitWrap, "wrap", "the site has not confirmed that it can open the load key"},
	{exitBusy, "busy", "another sledge command is at work on this device"},
	{exitNotFound, "not-found", "no such file, entry or pack"},
	{exitVersion, "version", "made by a newer sledge"},
	{exitTampered, "tampered", "the device's state is not believed any more"},
	{exitExtras, "extras", "everything is in the target, and below the prefix are objects that no receipt names"},
	{exitUnwaived, "unwaived", "something is neither proven nor waived by name; nothing was signed"},
	{exitBehind, "behind", "a hand-over begins at another size than this custodian has cosigned; nothing was signed, and the size is told"},
	{exitGap, "gap", "the custody log holds, and for some time nobody signed for the device"},
	{exitAlone, "alone", "the custody log holds, and no independent checkpoint was given: rolled back whole it would look the same"},
	{exitException, "exception", "the arrival was signed, and something is not as it should be: a seal, damage, or the disks"},
	{exitUnrecorded, "unrecorded", "the work is done and safe, and its event could not be written to the custody log"},
	{exitInPart, "in-part", "what could be checked is right, and something could not be checked"},
	{exitInterrupted, "interrupted", "interrupted; the same command goes on"},
}

// gravity is the order of the codes where one must stand for several devices, worst
// first: what must not be used, what was not done, what can go on, what is left.
var gravity = []int{
	exitTampered, exitRefused, exitLost, exitUnexpected, exitVersion, exitKey, exitJob, exitUsage, exitState, exitDisks, exitDiskFailed, exitWrap,
	exitNotFound, exitBusy, exitFull, exitInterrupted, exitTarget, exitConflict, exitObjects, exitExtras, exitUnwaived, exitUnproven, exitBehind, exitException, exitGap, exitAlone, exitDamage,
	exitSource, exitUnrecorded, exitInPart, exitDone,
}

// graver tells whether an error is worse than another one.
func graver(err, than error) bool {
	code, _ := diagnose(err)
	other, _ := diagnose(than)
	return slices.Index(gravity, code) < slices.Index(gravity, other)
}

func className(code int) string {
	for _, c := range exitClasses {
		if c.code == code {
			return c.name
		}
	}
	return "unexpected"
}

// Outcomes that only the command knows.
var (
	errJobFile       = delivery.ErrJobFile
	errExpired       = errors.New("job has expired")
	errWrongCode     = errors.New("wrong unlock code")
	errUnproven      = verdict.ErrUnproven
	errOtherTarget   = audit.ErrOtherTarget
	errNoDevice      = errors.New("no device named")
	errNoDisks       = keyless.ErrNoDisks
	errSameDisk      = keyless.ErrSameDisk
	errNotFolder     = keyless.ErrNotFolder
	errDegraded      = errors.New("a disk failed, the load went on without it")
	errLessParity    = errors.New("packs were written with less parity")
	errSkipped       = audit.ErrSkipped
	errSealedWithout = errors.New("sealed")
	errRemarks       = errors.New("loaded with remarks: the device has the last good version, and a later look failed or was doubtful")
	errFewFiles      = errors.New("too few files may be open at once")
	errDamage        = verdict.ErrDamage
	errLost          = verdict.ErrLost
	errRefused       = verdict.ErrRefused
	errTarget        = audit.ErrTarget
	errObjects       = audit.ErrObjects
	errExtras        = audit.ErrExtras
	errLeftOver      = errors.New("the run is canceled, and something of it is left in the target")
	errConflict      = errors.New("exists with other content")
	errExtract       = errors.New("not everything was extracted")
	errUndigested    = errors.New("not in the list, for want of a SHA-256 of the whole file")
	errUnwaived      = acceptance.ErrUnwaived
	errMissing       = delivery.ErrMissing
	errGap           = errors.New("a gap in the possession")
	errAlone         = errors.New("no independent checkpoint was given")
	errException     = errors.New("arrived with an exception")
	errUnrecorded    = errors.New("not written to the custody log")
	errNotCustodian  = errors.New("not this custodian's turn")
	errInternal      = errors.New("a fault of sledge itself")
)

// jobFileError is an error of reading a job file, whose text says so already.
type jobFileError struct{ error }

func (e *jobFileError) Unwrap() []error { return []error{errJobFile, e.error} }

type (
	usageError = advice.UsageError
	hinted     = advice.Hinted
)

func usagef(format string, args ...any) error { return advice.Usagef(format, args...) }

// hint gives an error its hint. The exit code is still diagnose's.
func hint(err error, format string, args ...any) error { return advice.Hint(err, format, args...) }

// helpHint becomes the help of the verb that was called.
const helpHint = cmdline.HelpHint

// isLoss tells whether an error says that what was told as safe is lost, or may be. A
// command is never so interrupted, full or without its source that this matters less.
func isLoss(err error) bool {
	return errors.Is(err, appliance.ErrLost) || errors.Is(err, appliance.ErrDoubted) || errors.Is(err, errLost)
}

// lossHints are the hints of a loss, by what came with it.
func lossHints(err error) []string {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(disk.ErrReadBack) && is(appliance.ErrLost):
		return []string{"keep the source, and do not use the disks named above: they do not hold what they take, as disks of counterfeit capacity; load again onto others"}
	case is(appliance.ErrFull):
		return []string{"keep the source: the disks do not give back all that was loaded, and this device has no room to load it again",
			"load it onto another device; or make room by a larger disk (sledge rebuild --replace NEW), and load it again"}
	case is(appliance.ErrDoubted) && !is(appliance.ErrLost):
		return []string{"keep the source, take out the disks named above and load it again: what is on them does not count as safe",
			"or read the disks once more: sledge scrub --read-back"}
	}
	return []string{"bring every disk of the device, also damaged ones: any k good blocks of a stripe are enough",
		"before the seal: keep the source and load it again, that takes what is lost; then seal"}
}

// diagnose turns an error into an exit code and hints, by the first of diagnoses that
// fits. A hint of whoever made the error is better than the table's,
// but for a format that is newer than this program.
func diagnose(err error) (code int, hints []string) {
	if err == nil {
		return exitDone, nil
	}
	code = exitUnexpected
	for _, d := range diagnoses() {
		if !d.is(err) {
			continue
		}
		if code = d.code; d.hints != nil {
			hints = d.hints(err)
		}
		break
	}
	if maker := (*hinted)(nil); errors.As(err, &maker) && (code != exitVersion || !errors.Is(err, fsck.ErrVersion)) {
		hints = maker.Hints
	}
	return code, hints
}

// report is what a verb has to tell on stdout.
type report = cmdline.Report

// end tells how a verb ended and sets the exit code.
func (a *app) end(verb string, r report, err error) {
	code, hints := diagnose(err)
	for i, h := range hints {
		if h == helpHint {
			h = "see " + verb + " --help"
		}
		hints[i] = a.commands(h)
	}
	a.code = code
	if a.json {
		text := ""
		if err != nil {
			text = inWords(err)
		}
		answer := cmdline.Answer{Verb: verb, OK: code == 0, Exit: code, Class: className(code), Error: text, Hints: hints, Result: r}
		if err := answer.Write(a.out); err != nil && !errors.Is(err, errOutput) {
			a.code = max(code, exitUnexpected) // no JSON of it can be made
		}
		return
	}
	if r != nil && !(a.quiet && err == nil) {
		r.Print(terminal.Writer{W: a.out})
	}
	if err != nil {
		a.told = err
		a.tellError(err, hints)
	}
}

// inWords is an error as its reader knows things: who stops a command, by Ctrl-C or
// from another terminal, has not canceled a context.
func inWords(err error) string {
	if !isInterrupted(err) {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), context.Canceled.Error(), "stopped, as was asked")
}

// note tells the operator something that is no error. JSON mode has it as an event.
func (a *app) note(format string, args ...any) { a.event("note", fmt.Sprintf(format, args...)) }

// warn tells the operator what he should know before he relies on the result.
func (a *app) warn(format string, args ...any) { a.event("warning", fmt.Sprintf(format, args...)) }

func (a *app) telling() statefolder.Tell { return statefolder.Tell{Note: a.note, Warn: a.warn} }

func (a *app) event(kind, text string) {
	if a.errTTY && !a.json && !(a.quiet && kind == "note") {
		fmt.Fprint(a.err, progress.ClearLine) // of progress, which comes again
	}
	switch {
	case a.json:
		a.jsonLine(map[string]any{"event": kind, "text": text})
	case kind == "warning":
		fmt.Fprintf(a.err, "warning: %s\n", shown(text))
	case !a.quiet:
		fmt.Fprintf(a.err, "%s\n", shown(text))
	}
}

func (a *app) jsonLine(v any) { cmdline.WriteLine(a.err, v) }
