// Command sledge-verify verifies disks, proofs, receipts, commit markers and acceptances as
// "sledge verify" does, in the same words and with the same exit codes and JSON. It needs no
// key, no network and no other part of sledge.
//
// It is small, and cannot open a connection: package net is not linked. Everything that it
// does is in internal/keyless.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sledge-io/sledge/internal/keyless/program"
)

// version is set by the build.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal ends the work in order, the second one the process
	p := program.Program{Version: version, Out: os.Stdout, Err: os.Stderr, TTY: isTerminal(os.Stderr)}
	os.Exit(p.Run(ctx, os.Args[1:]))
}

// isTerminal tells a terminal from a file or a pipe.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
