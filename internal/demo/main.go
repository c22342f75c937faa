// Command demo runs sledge's main job in front of the reader: a data centre
// makes a job, the field loads a device and seals it, the carrier damages it on
// the way, the data centre imports it into an S3 server, and an auditor who
// holds no key checks the whole chain. Every byte is compared with the source.
//
//	make demo                  # the Go toolchain's own source and a file of 1 GiB
//	SRC=/srv/data make demo    # the reader's own files
//
// Each step is a process of the real program, with the files and the rights of
// the role that takes it. Everything is below build/demo; the commands are kept in
// commands.txt there, what they printed in logs, the figures in report.json.
// Any difference anywhere is a non-zero exit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sledge-io/sledge/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, out, errOut io.Writer) int {
	d, err := newDemo(out)
	if err == nil {
		err = d.play(ctx)
		err = errors.Join(err, d.close())
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "demo: interrupted; run it again at any time, it begins anew")
		return 130
	case err != nil:
		fmt.Fprintf(errOut, "\ndemo: FAILED: %v\nhint: what every command was and said is in %s\n", err, filepath.Join(d.dir, "logs"))
		return 1
	}
	return 0
}

const (
	dataShards, parityShards = 8, 3
	diskCount                = dataShards + parityShards
	blockSize                = 1 << 20
	bucket                   = "sledge-demo"
	prefix                   = "incoming/"
	seed                     = 20260101
)

// demo is one run.
type demo struct {
	out     io.Writer
	dir     string // build/demo: relative, so that the kept commands are readable
	bin     string
	tools   string
	shm     string // where the device keeps its unlocked secret
	calls   int
	report  report
	source  source
	skipped map[string]bool // paths that the loader said it left out

	disks   []*simulator.Disk
	carrier simulator.Carrier
	stale   []staleLog // taken during load
	damage  *damage
	store   *gateway
}

func newDemo(out io.Writer) (*demo, error) {
	d := &demo{out: out, dir: filepath.Join("build", "demo"), skipped: map[string]bool{}, carrier: simulator.Carrier{Seed: seed}}
	if _, err := os.Stat("go.mod"); err != nil {
		return d, errors.New("start it in the repository: make demo")
	}
	var err error
	if d.bin, err = program("SLEDGE_BIN", filepath.Join("build", "bin", "sledge")); err != nil {
		return d, fmt.Errorf("%w (make build)", err)
	}
	tools := os.Getenv("SLEDGE_TOOLS")
	if tools == "" {
		tools = filepath.Join("build", "tools")
	}
	if d.tools, err = filepath.Abs(tools); err != nil {
		return d, err
	}
	if err := clean(d.dir); err != nil {
		return d, err
	}
	for _, sub := range []string{"logs", "disks", "field", "auditor", "parcel"} {
		if err := os.MkdirAll(d.path(sub), 0o755); err != nil {
			return d, err
		}
	}
	d.shm, err = os.MkdirTemp("/dev/shm", "sledge-demo-")
	return d, err
}

func program(env, fallback string) (string, error) {
	name := os.Getenv(env)
	if name == "" {
		name = fallback
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(name)
	return name, err
}

// path is a name below build/demo.
func (d *demo) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// close ends what is still running and forgets the device's secret. What the
// reader may want to look at stays: report, logs, disks, bucket, auditor's folder.
func (d *demo) close() error {
	var err error
	if d.store != nil {
		d.store.Stop()
	}
	for _, disk := range d.disks {
		err = errors.Join(err, disk.Close())
	}
	if d.shm != "" {
		err = errors.Join(err, os.RemoveAll(d.shm))
	}
	for _, big := range []string{"source", "read-back", "extracted"} {
		err = errors.Join(err, clean(d.path(big)))
	}
	return err
}

// play is the whole story.
func (d *demo) play(ctx context.Context) error {
	fmt.Fprintf(d.out, "sledge: one device, from a source tree to verified S3 objects and back\n\n")
	for _, step := range []func(context.Context) error{
		d.makeSource, d.setUp, d.scan, d.load, d.seal, d.prove,
		d.ship, d.verifyArrived,
		d.startStore, d.importAll, d.readBack, d.extract,
		d.destroyKeys, d.audit,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.finish()
}
