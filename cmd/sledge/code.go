package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/prompt"
	"github.com/sledge-io/sledge/manifest"
)

const (
	codeTries   = 3        // on a terminal
	maxCodeText = 64 << 10 // more than any code sheet takes
	codeLine    = "unlock code"
)

// codeRoot asks for the code and checks it against the job's verifier. A terminal
// gives three tries; a file or a pipe has one answer.
func (a *app) codeRoot(ctx context.Context, job *manifest.Job, device firmware.ID, codeFile string) ([]byte, error) {
	if codeFile == "" && term.IsTerminal(int(a.in.Fd())) {
		return a.askCode(ctx, job, device)
	}
	text, err := a.readCode(ctx, codeFile)
	if err != nil {
		return nil, err
	}
	return tryCode(job, sheetCode(text))
}

// tryCode runs the KDF, unless the check character shows a mistake.
func tryCode(job *manifest.Job, text string) ([]byte, error) {
	code, err := crypto.ParseUnlockCode(text)
	if err != nil {
		return nil, err
	}
	root, err := job.Unlock.KDF.Unlock(code, job.Unlock.Verifier)
	if errors.Is(err, crypto.ErrKey) {
		return nil, fmt.Errorf("job %s: %w", job.ID, errWrongCode)
	}
	return root, err
}

// askCode shows what the code sheet shows, too, and asks until a code opens the job.
// An empty line is no try.
func (a *app) askCode(ctx context.Context, job *manifest.Job, device firmware.ID) ([]byte, error) {
	fmt.Fprintf(a.err, "compare with the code sheet:\n  job     %s\n  device  %s\n", job.ID, device)
	for try := 1; ; {
		text, err := prompt.Hidden(ctx, a.in, a.err, codeLine+" (not shown while you type): ")
		if errors.Is(err, io.EOF) {
			return nil, usagef("no unlock code: the input has ended")
		}
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		root, err := tryCode(job, text)
		if err == nil || ctx.Err() != nil {
			return root, errors.Join(err, ctx.Err())
		}
		mistake := errors.Is(err, crypto.ErrCodeTyping) || errors.Is(err, errWrongCode)
		if !mistake || try == codeTries {
			return nil, err
		}
		fmt.Fprintf(a.err, "%s\ntry again: %s left\n", shown(err.Error()), triesLeft(codeTries-try))
		try++
	}
}

func triesLeft(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// readCode reads a code sheet, or a bare code, from a file or from standard input. A
// pipe that gives nothing does not hold a command that is stopped.
func (a *app) readCode(ctx context.Context, codeFile string) (string, error) {
	read := func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.in, maxCodeText+1)) }
	if codeFile != "" {
		if info, err := os.Stat(codeFile); err == nil && info.Mode().Perm()&0o077 != 0 {
			a.warn("%s can be read by others: chmod 600 it, and remove it when it is not needed", codeFile)
		}
		read = func() ([]byte, error) { return files.Read(codeFile, maxCodeText) }
	}
	b, err := keyfile.Wait(ctx, read)
	if err == nil && len(b) == 0 && codeFile == "" {
		err = usagef("no unlock code: standard input is empty and no terminal")
	}
	return string(b), err
}

// sheetCode finds the code on the sheet that "sledge job create" writes. A text
// without such a line is a code and nothing else.
func sheetCode(text string) string {
	for l := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(strings.TrimSpace(l), codeLine); ok {
			return strings.TrimLeft(code, ": \t")
		}
	}
	return text
}
