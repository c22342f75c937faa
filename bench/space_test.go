package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSpace removes what it made and what a killed run has left, and keeps a
// second benchmark out.
func TestSpace(t *testing.T) {
	work, mem := filepath.Join(t.TempDir(), "work"), t.TempDir()
	s, err := openSpace(work, mem, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []medium{tmpfs, disk} {
		dir, err := s.fresh(m, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openSpace(work, mem, true); err == nil {
		t.Error("a second benchmark was let in")
	}
	s.lock.Close() // killed
	again, err := openSpace(work, mem, false)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(mem); len(left) != 1 {
		t.Errorf("in memory: %v", left)
	}
	if left, _ := os.ReadDir(again.scratch()); len(left) != 1 {
		t.Errorf("on the disk: %v", left)
	}
	if err := again.close(); err != nil {
		t.Error(err)
	}
	isEmpty(t, mem)
	isEmpty(t, work)
}

// isEmpty wants nothing below a folder but the lock.
func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	for _, e := range left {
		if e.Name() != ".lock" {
			t.Errorf("%s is left in %s", e.Name(), dir)
		}
	}
}

// TestInterrupt stops a benchmark while a program runs that would never end: its
// processes and folders are gone.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	work, mem, note := filepath.Join(dir, "work"), filepath.Join(dir, "mem"), filepath.Join(dir, "pid")
	if err := os.Mkdir(mem, 0o755); err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(dir, "sledge")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\nsleep 600 &\necho $! >"+note+".part\nmv "+note+".part "+note+"\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLEDGE_BIN", fake)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			if _, err := os.Stat(note); err == nil || ctx.Err() != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	var out, stderr bytes.Buffer
	code := run(ctx, []string{"--quick", "--rows", "^parity-sample", "--work", work, "--tmpfs", mem, "--out", filepath.Join(dir, "out")}, &out, &stderr)
	if code != 130 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), stderr.String())
	}
	isGone(t, note)
	isEmpty(t, work)
	isEmpty(t, mem)
	if _, err := os.Stat(filepath.Join(dir, "out")); !os.IsNotExist(err) {
		t.Error("an interrupted run has a report")
	}
}

// TestServersEnd stops a server with the run.
func TestServersEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := openSpace(filepath.Join(t.TempDir(), "work"), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	b := newTestBench(true)
	b.space = s
	if b.self, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	sink, err := b.startSink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-sink.Exited():
	case <-time.After(20 * time.Second):
		t.Error("the server still runs")
	}
	sink.Stop()
}

func TestReplaceTable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "doc.md")
	for _, c := range []struct{ before, after string }{
		{"a\n" + tableBegin + "old\n" + tableEnd + "b\n", "a\n" + tableBegin + "new\n" + tableEnd + "b\n"},
		{"no markers\n", ""},
	} {
		if err := os.WriteFile(name, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := replaceTable(name, "new\n"); (err == nil) != (c.after != "") {
			t.Error(err)
		}
		if c.after == "" {
			c.after = c.before
		}
		if text, err := os.ReadFile(name); err != nil || string(text) != c.after {
			t.Errorf("%q, %v", text, err)
		}
	}
}
