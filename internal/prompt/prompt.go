package prompt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxTyped bounds a line that is typed.
const maxTyped = 4 << 10

// question asks for a line on a terminal that does not show what is typed.
type question struct {
	in     *os.File // the terminal
	out    io.Writer
	text   string
	before unix.Termios // the terminal as it was found
}

// Hidden returns the line that was typed, without its end. It returns at once when ctx
// ends. Whatever ends it, the terminal shows again what is typed: Ctrl-Z, Ctrl-\ and a
// hang-up included. It returns io.EOF where the input ends without a line.
func Hidden(ctx context.Context, in *os.File, out io.Writer, text string) (string, error) {
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	p := &question{in, out, text, *before}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTSTP, unix.SIGCONT, unix.SIGQUIT)
	defer signal.Stop(signals)
	if err := p.hide(); err != nil {
		return "", err
	}
	defer p.show()
	// The read cannot be interrupted. Where ctx ends first the process ends, too.
	typed := make(chan line, 1)
	go func() { typed <- readLine(in) }()
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case l := <-typed:
			return l.text, p.hungUp(l.err)
		case s := <-signals:
			if err := p.stopped(s.(syscall.Signal), signals); err != nil {
				return "", p.hungUp(err)
			}
		}
	}
}

// hungUp makes a terminal that is gone what its SIGHUP is: an end that was asked for.
// Such a terminal reads as an end of input, too.
func (p *question) hungUp(err error) error {
	if err == nil {
		return nil
	}
	if _, gone := unix.IoctlGetTermios(int(p.in.Fd()), unix.TCGETS); gone != nil {
		return context.Canceled
	}
	return err
}

type line struct {
	text string
	err  error
}

// readLine reads to the end of a line. A terminal gives no more than one line a read,
// so that nothing of the next one is lost.
func readLine(in io.Reader) line {
	text, err := bufio.NewReader(io.LimitReader(in, maxTyped)).ReadString('\n')
	if errors.Is(err, io.EOF) && text != "" {
		err = nil
	}
	return line{strings.TrimRight(text, "\r\n"), err}
}

// hide switches the echo off, then writes the question: an answer that comes at once
// is not shown either.
func (p *question) hide() error {
	hidden := p.before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(int(p.in.Fd()), unix.TCSETS, &hidden); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	fmt.Fprint(p.out, p.text)
	return nil
}

// show puts the terminal back as it was.
func (p *question) show() {
	_ = unix.IoctlSetTermios(int(p.in.Fd()), unix.TCSETS, &p.before) // a terminal that is gone needs nothing
	fmt.Fprintln(p.out)
}

// stopped does what a signal does by default, with the terminal as it was, and asks
// again when the process goes on.
func (p *question) stopped(s syscall.Signal, signals chan os.Signal) error {
	switch {
	case s == unix.SIGTSTP && orphaned():
		return nil // the system would not stop it either: nobody could make it go on
	case s == unix.SIGTSTP:
		p.show()
		// Go's runtime does not give SIGTSTP back its default, so another signal stops.
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP) // of the process itself: never refused
		for s = 0; s != unix.SIGCONT; {
			s = (<-signals).(syscall.Signal)
		}
	case s == unix.SIGQUIT:
		p.show()
		signal.Reset(s)
		_ = unix.Kill(os.Getpid(), s)
		select {} // the process ends on another thread: nothing may hide the terminal again
	}
	return p.hide()
}

// orphaned reports whether no shell waits above this process that could let it go on
// after a stop.
func orphaned() bool {
	session, err := unix.Getsid(0)
	above, errAbove := unix.Getsid(os.Getppid())
	return err != nil || errAbove != nil || above != session || unix.Getpgrp() == session
}
