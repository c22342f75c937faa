package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/sledge-io/sledge/internal/cmdline"
)

// errOutput: what a verb had to tell is not where standard output goes.
var errOutput = errors.New("standard output")

// output is standard output, and keeps the first error: a report is printed by many
// calls, and none of them looks.
type output struct {
	w   io.WriteCloser
	err error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	return n, o.keep(err)
}

// close says the last errors: network file systems write when a file is closed.
func (o *output) close() error { return o.keep(o.w.Close()) }

func (o *output) keep(err error) error {
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("%w: %w", errOutput, err)
	}
	return o.err
}

// endOutput closes standard output. What could not be written changes an exit code of
// 0, and is said once.
func (a *app) endOutput(o *output) {
	if o.close() == nil {
		return
	}
	code, hints := diagnose(o.err)
	if a.code == exitDone {
		a.code = code
	}
	if !errors.Is(a.told, errOutput) {
		a.tellError(o.err, hints)
	}
}

// tellError tells an error and its hints on stderr.
func (a *app) tellError(err error, hints []string) {
	if a.json {
		a.jsonLine(map[string]any{"event": "error", "text": err.Error(), "hints": hints})
		return
	}
	cmdline.WriteError(a.err, err, inWords(err), hints)
}
