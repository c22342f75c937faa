// Package program is sledge-verify, but for the process around it: its command line, its help,
// its progress and its streams. What it says of disks, proofs and receipts is in
// internal/keyless.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/terminal"
)

const name = "sledge-verify"

// Program is the streams of a call.
type Program struct {
	Version  string
	Out, Err io.Writer
	TTY      bool // Err is a terminal
}

// Run is one call, without the program's name; it returns the exit code.
func (p Program) Run(ctx context.Context, line []string) int {
	return (&app{version: p.Version, out: p.Out, err: p.Err, tty: p.TTY}).run(ctx, line)
}

// app is one call of the program.
type app struct {
	version     string
	out, err    io.Writer
	tty         bool // err is a terminal
	disks       []string
	json, quiet bool
}

// named is a verb with the program's own name in its texts.
type named struct{ *keyless.Verb }

func verbs() (all []named) {
	for _, v := range []*keyless.Verb{keyless.Disks(), keyless.Manifest(), keyless.Proof(), keyless.Import(), keyless.Acceptance(), keyless.Commit()} {
		v.Example = own(v.Example)
		v.Long = strings.ReplaceAll(v.Long, `"sledge verify disks"`, `"sledge-verify disks"`)
		all = append(all, named{v})
	}
	return all
}

// own puts the program's name in the place of the command that has the same verbs.
func own(text string) string { return strings.ReplaceAll(text, "  sledge verify ", "  "+name+" ") }

func (n named) verb() string { return strings.Fields(n.Use)[0] }

func (n named) path() string { return name + " " + n.verb() }

// run is one call; it returns the exit code.
func (a *app) run(ctx context.Context, line []string) int {
	all := verbs()
	at := slices.IndexFunc(line, func(word string) bool {
		return slices.ContainsFunc(all, func(n named) bool { return n.verb() == word })
	})
	switch {
	case slices.Contains(line, "--version") || len(line) == 1 && line[0] == "version":
		return a.tell(fmt.Sprintf("%s %s\n", name, a.version))
	case at < 0:
		return a.noVerb(line, all)
	}
	v := all[slices.IndexFunc(all, func(n named) bool { return n.verb() == line[at] })]
	flags := a.flags(v)
	args, err := flags.Parse(slices.Delete(slices.Clone(line), at, at+1))
	if errors.Is(err, cmdline.ErrHelp) {
		return a.tell(help(v, flags))
	}
	if err != nil {
		a.json = a.json || slices.Contains(line, "--json") // it may come after the flag that ended the reading
		return a.end(v.path(), nil, usage(cmdline.NearFlags(err, flags.Names())))
	}
	if err = cmdline.EmptyArg(args); err == nil {
		err = flags.Empty()
	}
	if e := cmdline.TakesArgs(v.path(), v.Use, args); err == nil && e != nil {
		err = cmdline.QuotePattern(line, usage(e))
	}
	if err != nil {
		return a.end(v.path(), nil, err)
	}
	report, err := v.Run(ctx, a.session(), args)
	return a.end(v.path(), report, err)
}

func (a *app) flags(v named) *cmdline.Set {
	flags := &cmdline.Set{}
	v.Flags(flags)
	flags.StringSliceVar(&a.disks, "disk", nil, "a disk's mount point DIR; repeat it, or give a comma list or a quoted pattern, '/mnt/bay*' (env SLEDGE_DISKS)")
	flags.BoolVar(&a.json, "json", false, "one JSON object on stdout at the end, progress as JSON lines on stderr")
	flags.BoolVar(&a.quiet, "quiet", false, "no progress, and no text but errors")
	flags.Short("quiet", "q")
	return flags
}

// session is what this program brings to the verbs.
func (a *app) session() *keyless.Session {
	return &keyless.Session{
		Disks:     a.diskPaths,
		DiskError: func(name string, err error) error { return fmt.Errorf("disk %s: %w", name, err) },
		Workers:   keyless.OneEach,
		ReadSize:  func([]fsck.Disk) int64 { return 0 },
		Meter:     func() keyless.Meter { return &meter{app: a} },
		Receipts:  keyless.ReceiptsFolders,
		Canceled:  keyless.CanceledIn,
		Marker:    keyless.MarkerFile,
	}
}

// diskPaths are the folders that --disk or SLEDGE_DISKS name.
func (a *app) diskPaths() ([]string, error) {
	patterns := a.disks
	if len(patterns) == 0 {
		for p := range strings.SplitSeq(os.Getenv("SLEDGE_DISKS"), ",") {
			if p = strings.TrimSpace(p); p != "" {
				patterns = append(patterns, p)
			}
		}
	}
	if len(patterns) == 0 {
		return nil, keyless.ErrNoDisks
	}
	var paths []string
	for _, p := range patterns {
		found, err := keyless.Expand(p)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	files, err := keyless.CheckFolders(paths, a.session().DiskError)
	if pattern := keyless.PatternOf(patterns, files); pattern != "" {
		err = keyless.CaughtBy(err, pattern)
	}
	return paths, err
}

// end tells how a verb ended, and returns the exit code.
func (a *app) end(path string, r cmdline.Report, err error) int {
	out := &firstError{w: a.out}
	code, hints := keyless.Diagnose(err)
	for i, h := range hints {
		if h == cmdline.HelpHint {
			hints[i] = "see " + path + " --help"
		}
	}
	text := ""
	if err != nil {
		text = keyless.InWords(err)
	}
	switch {
	case a.json:
		cmdline.Answer{Verb: path, OK: code == 0, Exit: code, Class: keyless.Class(code), Error: text, Hints: hints, Result: r}.Write(out)
	default:
		if r != nil && !(a.quiet && err == nil) {
			r.Print(terminal.Writer{W: out})
		}
		if err != nil {
			cmdline.WriteError(a.err, err, text, hints)
		}
	}
	return a.written(code, out)
}

// tell writes a text that was asked for.
func (a *app) tell(text string) int {
	out := &firstError{w: a.out}
	io.WriteString(out, text)
	return a.written(keyless.Done, out)
}

// written is the exit code, unless what was told did not arrive.
func (a *app) written(code int, out *firstError) int {
	if out.err == nil {
		return code
	}
	err := fmt.Errorf("%w: %w", keyless.ErrOutput, out.err)
	other, hints := keyless.Diagnose(err)
	cmdline.WriteError(a.err, err, err.Error(), hints)
	if code == keyless.Done {
		return other
	}
	return code
}

// firstError keeps the first error of writing: a report is printed by many calls.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(p []byte) (n int, err error) {
	if f.err == nil {
		n, f.err = f.w.Write(p)
	}
	return n, f.err
}
