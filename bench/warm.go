package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// A virtual machine gives free memory back to its host in blocks of 2 MiB, and
// gets it again slowly: a load into tmpfs ran three times slower on such memory.
// So a child touches as much as the runs will write to, gives it back, and keeps
// one page in 128 as long as a contest runs: what is free around it is never a
// whole block. What comes free later, page cache above all, is touched right
// before each run.
const keptPages = 128

// runWarm is the child.
func runWarm(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("warm", flag.ContinueOnError)
	size := flags.Int("bytes", 0, "")
	keep := flags.Bool("keep", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	mem, err := unix.Mmap(-1, 0, *size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE) // a kernel without huge pages refuses
	page := os.Getpagesize()
	for at := 0; at < len(mem); at += page {
		mem[at] = 1
	}
	if !*keep {
		return nil
	}
	for at := 0; at+keptPages*page <= len(mem); at += keptPages * page {
		if err := unix.Madvise(mem[at+page:at+keptPages*page], unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out, "warm"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// warmth is the child that keeps memory warm.
type warmth struct{ held *exec.Cmd }

// keep warms so much of the free memory, anew for each contest: what is in use,
// be it page cache, is warm already.
func (w *warmth) keep(ctx context.Context, self string, n int64) error {
	n = min(n, memory("MemFree")-512*mib)
	if n < 64*mib {
		return nil
	}
	cmd := exec.CommandContext(ctx, self, "warm", "--keep", "--bytes", fmt.Sprint(n))
	ownGroup(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.close()
	w.held = cmd
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		return fmt.Errorf("memory could not be warmed: %w", err)
	}
	return nil
}

// touch warms free memory for one run.
func (b *bench) touch(ctx context.Context, n int64) error {
	n = min(n, memory("MemFree")-256*mib)
	if n < 64*mib {
		return nil
	}
	return b.child(ctx, nil, "warm", "--bytes", fmt.Sprint(n))
}

// close gives the kept pages back.
func (w *warmth) close() {
	if w.held != nil {
		_ = w.held.Cancel()
		_ = w.held.Wait()
		w.held = nil
	}
}
