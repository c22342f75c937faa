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
	"cmp"
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
		err = errors.Join(d.play(ctx), d.close())
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

	store, reader *gateway // the importer's, and the auditor's, who may read
}

func newDemo(out io.Writer) (d *demo, err error) {
	d = &demo{out: out, dir: filepath.Join("build", "demo"), skipped: map[string]bool{}, carrier: simulator.Carrier{Seed: seed}}
	if _, err := os.Stat("go.mod"); err != nil {
		return d, errors.New("start it in the repository: make demo")
	}
	if d.bin, err = filepath.Abs(cmp.Or(os.Getenv("SLEDGE_BIN"), filepath.Join("build", "bin", "sledge"))); err != nil {
		return d, err
	}
	if _, err := os.Stat(d.bin); err != nil {
		return d, fmt.Errorf("%w (make build)", err)
	}
	if d.tools, err = filepath.Abs(cmp.Or(os.Getenv("SLEDGE_TOOLS"), filepath.Join("build", "tools"))); err != nil {
		return d, err
	}
	if err := clean(d.dir); err != nil {
		return d, err
	}
	for _, sub := range []string{"logs", "disks", "field", "auditor", "parcel", filepath.Join("s3", bucket)} {
		if err := os.MkdirAll(d.path(sub), 0o755); err != nil {
			return d, err
		}
	}
	d.shm, err = os.MkdirTemp("/dev/shm", "sledge-demo-")
	return d, err
}

// path is a name below build/demo.
func (d *demo) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// close ends what is still running and forgets the device's secret. What the
// reader may want to look at stays: report, logs, disks, bucket, auditor's folder.
func (d *demo) close() error {
	for _, g := range []*gateway{d.store, d.reader} {
		if g != nil {
			g.Stop()
		}
	}
	err := os.RemoveAll(d.shm)
	for _, disk := range d.disks {
		err = errors.Join(err, disk.Close())
	}
	for _, big := range []string{"source", "read-back", "extracted"} {
		err = errors.Join(err, clean(d.path(big)))
	}
	return err
}

// play is the whole story. A step without a name is not told.
func (d *demo) play(ctx context.Context) error {
	fmt.Fprintf(d.out, "sledge: one device, from a source tree to verified S3 objects and back\n\n")
	for _, s := range []step{
		{"source", d.makeSource}, {"set up", d.setUp}, {"scan", d.scan}, {"load", d.load}, {"seal", d.seal}, {"prove", d.prove},
		{"carrier", d.ship}, {"verify disks", d.verifyDisks("anyone")},
		{"", d.startStore}, {"import", d.importAll}, {"read back", d.readBack}, {"extract", d.extract},
		{"destroy keys", d.destroyKeys}, {"", d.startReader},
		{"audit: manifest", d.auditManifest}, {"audit: disks", d.verifyDisks("auditor")}, {"audit: one file", d.auditProof}, {"audit: import", d.auditImport},
	} {
		if err := d.tell(ctx, s); err != nil {
			return err
		}
	}
	return d.finish()
}
