package main

import (
	"context"
	"io"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/vfs"
)

// beside runs "exits" while another command has a state folder: one at work until
// the end, or one that looks and gives it back while the command waits.
//
//	beside work dev 18 sledge load src
//	beside look dev 0 sledge load src
func beside(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: beside work|look FOLDER CODE sledge ARG…")
	}
	folder, err := vfs.OS(ts.MkAbs(args[1]))
	ts.Check(err)
	defer vfs.Close(folder)
	var held io.Closer
	if args[0] == "look" {
		held, err = firmware.LockBriefly(context.Background(), folder, "the test")
		ts.Check(err)
		time.AfterFunc(300*time.Millisecond, func() { held.Close() })
	} else {
		held, err = firmware.Lock(folder, "the test")
		ts.Check(err)
		defer held.Close()
	}
	exits(ts, false, args[2:])
}
