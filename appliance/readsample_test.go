package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// gated is a disk on which shards can be opened when the gate is.
type gated struct {
	vfs.FS
	gate <-chan struct{}
}

func (g gated) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if strings.HasSuffix(name, ".shard") {
		<-g.gate
	}
	return g.FS.Open(name, o)
}

// dryAfter gives so many reads, then opens the gate and fails.
type dryAfter struct {
	io.Reader
	left int
	gate chan struct{}
}

func (r *dryAfter) Read(p []byte) (int, error) {
	if r.left--; r.left < 0 {
		if r.left == -1 {
			close(r.gate)
		}
		return 0, errors.New("no random numbers")
	}
	return r.Reader.Read(p)
}

// Where a disk's sample cannot be drawn, those of the disks before it are read to their
// end before readSamples returns: nothing works on the device behind its caller's back.
func TestSampleNotDrawn(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 62, 6<<20), LoadOptions{NoReadBack: true}) // over 3 × 128 blocks a disk
	d := r.mustDevice()
	gate := make(chan struct{})
	d.cfg.Rand = &dryAfter{Reader: d.cfg.Rand, left: 1, gate: gate}
	for _, b := range d.bays {
		b.Disk.FS = gated{b.Disk.FS, gate}
	}
	d.readSamples(context.Background(), nil)
	if !d.isSettled(d.bays[0]) {
		t.Error("returned before the first disk's sample was read")
	}
	if d.isSettled(d.bays[1]) {
		t.Error("a sample that was not drawn counts")
	}
	d.Close()
}

// A disk that answers is not said to give no answer: cable and power are not its trouble.
func TestBadDiskThatAnswers(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EIO:   DiskNoAnswer,
		syscall.EROFS: DiskFailed,
		fmt.Errorf("%w: %w", durable.ErrDiskFailed, syscall.ENOSPC): DiskFailed,
		disk.ErrReadBack: DiskFailed,
	} {
		r := small32(t)
		d := r.mustDevice()
		d.bays[2].Fail(err)
		bad := d.BadDisks()
		if len(bad) != 1 || bad[0].State != want || bad[0].Bay != 2 || want == DiskFailed && strings.Contains(bad[0].Err.Error(), "cable") {
			t.Errorf("%v: %+v", err, bad)
		}
		d.Close()
	}
}
