package disks

import (
	"context"
	"crypto/ed25519"
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Options says what to verify and what is known beforehand.
type Options struct {
	Disks    []disk.Disk
	Trust    *wire.Trust           // nil: the origin is not proven
	Label    []byte                // the label file, if it was sent
	Workers  int                   // packs checked at once; 0: one a core
	ReadSize int64                 // bytes of a shard read at once; 0: 128 KiB, best where the kernel reads ahead or disks do not rotate
	Progress func(findings.Status) // called about four times a second, from one goroutine
}

// Manifest verifies all that is signed, and of the disks' bytes only the
// manifest's pages. An unsealed device has no manifest; its packs are checked
// as Disks does.
func Manifest(ctx context.Context, o Options) (*findings.Report, error) {
	return check(ctx, o, false)
}

// Chain verifies what is signed and public: job file, checkpoint, label, log, seal
// statement, wraps. It reads no page and no shard, so a reader can afford it before
// it uses an entry. The device must be sealed.
func Chain(ctx context.Context, o Options) (*findings.Report, error) {
	return checked(ctx, o, func(v *Check, ctx context.Context) error { return v.Prove(ctx) })
}

// All verifies everything of Manifest and every block of every pack.
func All(ctx context.Context, o Options) (*findings.Report, error) {
	return check(ctx, o, true)
}

// Check is one run.
type Check struct {
	o        Options
	f        *findings.List
	report   *findings.Report
	progress findings.Progress

	s      *survey
	own    *disk.Watch   // errors of this process's own
	wanted wire.Identity // of several devices' disks, whose are to be checked; zero: whoever's are most
	use    []*disk.Seen  // disks that are not foreign
	who    wire.Identity
	key    ed25519.PublicKey // the device's
	job    *wire.JobFile
	bays   int
	absent []int // bays absent at seal

	older    []*disk.Seen // disks with an older checkpoint of this generation
	missing  []bool       // bays without a disk
	log      *log.View
	counts   log.Counts
	packIDs  idSet
	bytes    atomic.Int64
	stripes  atomic.Int64
	badTotal atomic.Int64
	disksToo bool // every block will be checked
	together together

	damaged atomic.Bool // some loss is not of missing disks alone
}

// New looks at the disks' small files. It proves nothing.
func New(o Options) (*Check, error) {
	if len(o.Disks) == 0 {
		return nil, errors.New("no disks")
	}
	if err := o.Trust.Validate(); err != nil {
		return nil, err
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	v := &Check{o: o, f: findings.New(), own: &disk.Watch{}, report: &findings.Report{Origin: findings.OriginUnproven, Findings: []findings.Finding{}}}
	return v, v.survey(o.Disks)
}

func check(ctx context.Context, o Options, disks bool) (*findings.Report, error) {
	return checked(ctx, o, func(v *Check, ctx context.Context) error {
		v.disksToo = disks
		return v.all(ctx, disks)
	})
}

// checked makes a check and reports what it found.
func checked(ctx context.Context, o Options, run func(*Check, context.Context) error) (*findings.Report, error) {
	v, err := New(o)
	if err != nil {
		return nil, err
	}
	return v.Run(ctx, func(ctx context.Context) error { return run(v, ctx) })
}

// Run makes a check, and reports what was found. A check that ends with
// [findings.ErrRefused] is one, too; any other error means that it could not be made.
func (v *Check) Run(ctx context.Context, f func(context.Context) error) (*findings.Report, error) {
	stop := v.progress.Start(v.o.Progress)
	defer stop()
	if err := v.watched(ctx, f); err != nil && !errors.Is(err, findings.ErrRefused) {
		return nil, err
	}
	v.fillReport()
	return v.report, nil
}

// watched makes a check that an error of the process's own ends: whatever it would
// find is no finding.
func (v *Check) watched(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v.own.OnFault(cancel)
	err := f(ctx)
	if own := v.own.Met(); own != nil {
		return own
	}
	return err
}

func (v *Check) all(ctx context.Context, disks bool) error {
	if !v.s.sawSeal {
		return v.unsealed(ctx)
	}
	if err := v.Prove(ctx); err != nil {
		return err
	}
	if err := v.pages(ctx); err != nil {
		return err
	}
	if !disks {
		return v.packsMissing(ctx)
	}
	if err := v.packs(ctx); err != nil {
		return err
	}
	return v.listing(ctx)
}

func (v *Check) fillReport() {
	r := v.report
	r.BytesRead, r.Stripes, r.BlocksBad = v.bytes.Load(), v.stripes.Load(), v.badTotal.Load()
	if v.job != nil {
		r.JobFile = v.job.Raw
	}
	v.nameTooFew()
	v.f.Finish(r)
	if r.Verdict == findings.VerdictRefused || v.o.Trust == nil || v.job == nil {
		r.Origin = findings.OriginUnproven
	} else {
		r.Origin = findings.OriginProven
	}
}

// refuse records why nothing further can be believed.
func (v *Check) refuse(class string, at findings.Place, hint, format string, args ...any) error {
	v.f.Add(findings.Fatal, class, at, hint, format, args...)
	return findings.ErrRefused
}
