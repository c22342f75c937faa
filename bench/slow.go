package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sledge-io/sledge/internal/slowfs"
	"github.com/sledge-io/sledge/internal/slownet"
)

// runSlowFS is the child that mounts folders, each "source at", until it is ended.
// Then it prints the calls of each mount, so that it is of use by hand, too:
//
//	bench slowfs --call 1ms /data /mnt/slow
func runSlowFS(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("slowfs", flag.ContinueOnError)
	var o slowfs.Options
	flags.DurationVar(&o.Call, "call", 0, "that each call takes longer")
	flags.DurationVar(&o.Disk.Seek, "seek", 0, "of a hard disk, one for each mount")
	flags.Int64Var(&o.Disk.Rate, "rate", 0, "bytes a second of each disk")
	flags.BoolVar(&o.ReadOnly, "read-only", false, "")
	slow := flags.Int("slow", -1, "the number from 0 of a mount with a quarter of the rate")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 || flags.NArg()%2 != 0 {
		return errors.New("slowfs: a source and a mount point each, please")
	}
	var mounts []*slowfs.FS
	defer func() {
		for _, m := range mounts {
			_ = m.Close()
		}
	}()
	for i := 0; i < flags.NArg(); i += 2 {
		this := o
		if i/2 == *slow {
			this.Disk.Rate /= 4
		}
		m, err := slowfs.Mount(ctx, flags.Arg(i), flags.Arg(i+1), this)
		if err != nil {
			return err
		}
		mounts = append(mounts, m)
	}
	if _, err := fmt.Fprintln(out, "mounted"); err != nil {
		return err
	}
	<-ctx.Done()
	enc := json.NewEncoder(out)
	for i, m := range mounts {
		if err := enc.Encode(map[string]any{"at": flags.Arg(2*i + 1), "calls": m.Calls(), "most_at_once": m.Most(), "seeks": m.Seeks()}); err != nil {
			return err
		}
	}
	return nil
}

// runSlowNet is the child that stands between clients and a store until it is
// ended. Then it prints the proxy's counts; --turns tells each message on its way.
func runSlowNet(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("slownet", flag.ContinueOnError)
	var o slownet.Options
	listen, to := flags.String("listen", "127.0.0.1:0", ""), flags.String("to", "", "address of the store")
	flags.DurationVar(&o.RoundTrip, "round-trip", 0, "")
	flags.Int64Var(&o.Rate, "rate", 0, "bytes a second of each connection")
	flags.BoolVar(&o.CloseEach, "close-each", false, "close each connection after its first answer")
	flags.IntVar(&o.CutEvery, "cut-every", 0, "reset every so many-th connection")
	flags.Int64Var(&o.CutAfter, "cut-after", 64<<10, "bytes of the client before that")
	turns := flags.Bool("turns", false, "print each message of a client, with its time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *turns {
		began, lines := time.Now(), make(chan string, 1<<20)
		o.OnTurn = func(connection int, line string) {
			select {
			case lines <- fmt.Sprintf("%.3f %d %.120q", time.Since(began).Seconds(), connection, line):
			default: // too many to tell
			}
		}
		go func() {
			for line := range lines {
				fmt.Fprintln(out, line)
			}
		}()
	}
	p, err := slownet.Start(ctx, *listen, *to, o)
	if err != nil {
		return err
	}
	<-ctx.Done()
	p.Close()
	return json.NewEncoder(out).Encode(p.Stats())
}

// slowMounts is the child that mounts.
type slowMounts struct{ held *exec.Cmd }

// mount shows folders at others by runSlowFS with these flags. Close ends it.
func (b *bench) mount(ctx context.Context, flags []string, folders ...string) (*slowMounts, error) {
	cmd := exec.CommandContext(ctx, b.self, append(append([]string{"slowfs"}, flags...), folders...)...)
	ownGroup(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(b.space.scratch(), "slowfs.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m := &slowMounts{cmd}
	var word string
	if _, err := fmt.Fscanln(out, &word); err != nil || word != "mounted" {
		m.close()
		return nil, fmt.Errorf("nothing was mounted: %s", tail(log.Name()))
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return m, nil
}

func (m *slowMounts) close() {
	if m != nil && m.held != nil {
		_ = m.held.Cancel()
		_ = m.held.Wait()
		m.held = nil
	}
}

// noFUSE names why this machine cannot mount, "" where it can.
func noFUSE() string {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return "no FUSE: " + err.Error()
	}
	_ = f.Close()
	return ""
}
