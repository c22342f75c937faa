package disks

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Prove proves the chain from the job signer to the last log entry.
func (v *Check) Prove(ctx context.Context) error {
	v.progress.Enter("manifest")
	v.report.Sealed = true
	if err := v.noJob(); err != nil {
		return err
	}
	v.nameJobCopies()
	l, err := v.readLabel()
	if err != nil {
		return err
	}
	c := v.s.chooseCheckpoint(l, v.wanted)
	if c == nil {
		return v.noCheckpoint()
	}
	v.who, v.key = c.Identity, c.Key
	v.describe(c)
	v.markForeign()
	if err := v.compareLabel(l, c); err != nil {
		return err
	}
	v.nameCheckpoints(c)
	v.log = log.NewView(v.use, c.Size, c.Root, v.f)
	if err := v.walkLog(ctx); err != nil {
		return err
	}
	if l != nil && (int(l.Disks) != v.bays || l.JobSerial != v.job.Serial || l.JobSHA256 != v.job.Sha256) {
		return v.refuse("label-differs", findings.Nowhere(), findings.HintRefuse, "label: says %d disks, job serial %d, job file %x; the log says %d, %d, %x",
			l.Disks, l.JobSerial, l.JobSHA256, v.bays, v.job.Serial, v.job.Sha256)
	}
	v.sealStatements(c)
	v.nameHeaders()
	v.leftovers()
	v.countPlaces(ctx)
	return nil
}

func (v *Check) describe(c *disk.CheckpointCopy) {
	r := v.report
	r.Job, r.Device, r.Generation = c.Job.String(), c.Device.String(), c.Generation
	r.Checkpoint, r.LogSize, r.Root = c.Text, c.Size, base64.StdEncoding.EncodeToString(c.Root[:])
}

func (v *Check) readLabel() (*wire.Label, error) {
	if v.o.Label == nil {
		v.f.Add(findings.Note, "label-not-given", findings.Nowhere(), "give the label to prove that this is the latest state", "an older state of the device would look the same")
		return nil, nil
	}
	l, err := wire.ParseLabel(v.o.Label)
	if err != nil {
		return nil, v.refuse("label-bad", findings.Nowhere(), "check the label file", "label: %v", err)
	}
	return l, nil
}

// noCheckpoint says for each disk why its checkpoint is not believed.
func (v *Check) noCheckpoint() error {
	for _, d := range v.s.disks {
		if d.Job != nil && d.Job.Err != nil {
			v.f.Add(findings.Fatal, "job-untrusted", findings.OnDisk(d), findings.HintRefuse, "job.dsse: %v", d.Job.Err)
		}
		if d.Checkpoint != nil {
			v.f.Add(findings.Fatal, "checkpoint-untrusted", findings.OnDisk(d), findings.HintRefuse, "log/checkpoint: %v", d.Checkpoint.Err)
		}
	}
	return findings.ErrRefused
}

// compareLabel finds a device that was set back to an older state.
func (v *Check) compareLabel(l *wire.Label, c *disk.CheckpointCopy) error {
	if l == nil {
		return nil
	}
	if l.Identity != v.who {
		return v.refuse("label-differs", findings.Nowhere(), findings.HintRefuse, "label is of job %s, device %s, generation %d; the disks are of job %s, device %s, generation %d",
			l.Job, l.Device, l.Generation, c.Job, c.Device, c.Generation)
	}
	if l.Checkpoint.Origin != c.Origin {
		return v.refuse("label-bad", findings.Nowhere(), findings.HintRefuse, "label: its checkpoint is of %q", l.Checkpoint.Origin)
	}
	if err := l.Checkpoint.Verify(v.key); err != nil {
		return v.refuse("label-bad", findings.Nowhere(), findings.HintRefuse, "label: its checkpoint: %v", err)
	}
	if l.Checkpoint.Text != c.Text {
		return v.refuse("label-differs", findings.Nowhere(), findings.HintRefuse, "label and disks differ: the label has %d entries, root %s; the disks have %d entries, root %s",
			l.Checkpoint.Size, l.Checkpoint.Root, c.Size, c.Root)
	}
	return nil
}

// nameCheckpoints names every copy that is not the chosen one.
func (v *Check) nameCheckpoints(c *disk.CheckpointCopy) {
	for _, d := range v.use {
		switch o := d.Checkpoint; {
		case o == nil:
			v.f.Add(findings.Repairable, "checkpoint-copy-missing", findings.OnDisk(d), findings.HintRebuild, "log/checkpoint is missing")
		case o.Err != nil:
			v.f.Add(findings.Repairable, "checkpoint-copy-bad", findings.OnDisk(d), findings.HintRebuild, "log/checkpoint: %v", o.Err)
		case o.Same(c.Checkpoint):
		case o.Identity == v.who && o.Size < c.Size:
			v.older = append(v.older, d) // the walk tells whether it is a beginning of our log
		case o.Identity == v.who:
			v.f.Add(findings.Fatal, "checkpoint-fork", findings.OnDisk(d), findings.HintRefuse, "the device signed two checkpoints of one generation: %d entries, root %s; and %d entries, root %s",
				o.Size, o.Root, c.Size, c.Root)
		default:
			v.f.Add(findings.Repairable, "checkpoint-copy-other", findings.OnDisk(d), findings.HintRebuild, "log/checkpoint is of %s", o.Origin)
		}
	}
}

// walkLog proves tree and entries: order, numbers, limits, encoding.
func (v *Check) walkLog(ctx context.Context) error {
	order := &log.Order{}
	wraps := &wrapCheck{v: v}
	prefix := &prefixCheck{v: v, left: v.older}
	err := v.log.Walk(ctx, func(pos int64, raw []byte) error {
		prefix.leaf(pos, raw)
		e, err := wire.ParseEntry(raw)
		if err == nil {
			err = order.Next(pos, e)
		}
		if err != nil {
			return v.refuse("log-entry-bad", findings.Nowhere(), findings.HintRefuse, "log entry %d: %v", pos, err)
		}
		switch e.Kind {
		case wire.StartKind:
			return v.begin(e.Start)
		case wire.WrapKind:
			if err := wraps.fits(e.Wrap); err != nil {
				return v.refuse("log-entry-bad", findings.Nowhere(), findings.HintRefuse, "log entry %d: %v", pos, err)
			}
			wraps.entry(e.Wrap)
		case wire.PackKind, wire.IndexKind:
			v.seePack(e.Pack)
		}
		return nil
	})
	if errors.Is(err, log.ErrLost) {
		return v.refuse("log-lost", findings.Nowhere(), findings.HintRefuse, "the log cannot be put together from these disks: %v", err)
	}
	if err != nil {
		return err
	}
	if !order.Ended {
		return v.refuse("log-entry-bad", findings.Nowhere(), findings.HintRefuse, "the log has no end entry")
	}
	wraps.finish()
	v.counts = order.Counts
	if v.packIDs.sort(); v.packIDs.twice() {
		return v.refuse("log-entry-bad", findings.Nowhere(), findings.HintRefuse, "two packs of the log have one id")
	}
	r := v.report
	r.Packs, r.IndexPacks, r.Pages = order.Packs, order.Indexes, order.Pages
	v.progress.Total.Store(order.Stored)
	v.progress.PacksTotal.Store(order.Packs + order.Indexes)
	return nil
}

// prefixCheck compares older checkpoints of this generation with the beginning
// of the log: a log key must never sign two that do not fit together.
type prefixCheck struct {
	v    *Check
	left []*disk.Seen
	tree wire.TreeStack
}

func (c *prefixCheck) leaf(pos int64, raw []byte) {
	if len(c.left) == 0 {
		return
	}
	if pos == 0 {
		c.judge(0)
	}
	c.tree.Push(tlog.RecordHash(raw), 1)
	c.judge(pos + 1)
}

// judge names the checkpoints of the size that the log has had here.
func (c *prefixCheck) judge(size int64) {
	c.left = slices.DeleteFunc(c.left, func(d *disk.Seen) bool {
		o := d.Checkpoint
		if o.Size != size {
			return false
		}
		if o.Root == c.tree.Root() {
			c.v.f.Add(findings.Repairable, "checkpoint-copy-other", findings.OnDisk(d), findings.HintRebuild, "log/checkpoint is older: %d entries", o.Size)
		} else {
			c.v.f.Add(findings.Fatal, "checkpoint-fork", findings.OnDisk(d), findings.HintRefuse, "the device signed a checkpoint of %d entries, root %s, that is no beginning of its log", o.Size, o.Root)
		}
		return true
	})
}

// begin ties the start entry to the checkpoint and to one of the job files.
func (v *Check) begin(s *wire.StartEntry) error {
	if s.Identity != v.who {
		return v.refuse("log-entry-bad", findings.Nowhere(), findings.HintRefuse, "the start entry is of job %s, device %s, generation %d", s.Job, s.Device, s.Generation)
	}
	for _, j := range v.s.jobs {
		if j.Sha256 == s.JobSHA256 && j.Err == nil {
			v.job = j.Job
		} else if j.Sha256 == s.JobSHA256 {
			return v.refuse("job-untrusted", findings.Nowhere(), findings.HintRefuse, "job.dsse: %s", j.Problem(v.o.Trust))
		}
	}
	if v.job == nil {
		return v.refuse("job-lost", findings.Nowhere(), "find the job file among the data centre's copies and put it on a disk", "no disk has the job file that the log names (SHA-256 %x)", s.JobSHA256)
	}
	if v.job.Job != s.Job || v.job.Serial != s.JobSerial || v.job.Devices[s.Device] == nil {
		return v.refuse("log-entry-bad", findings.Nowhere(), findings.HintRefuse, "the start entry says job serial %d, the job file %d", s.JobSerial, v.job.Serial)
	}
	v.bays = s.Bays
	if s.Bays != v.job.Disks {
		v.f.Add(findings.Warning, "geometry-differs", findings.Nowhere(), "", "the log says %d bays, the job file %d disks", s.Bays, v.job.Disks)
	}
	for _, d := range v.use {
		if d.Job != nil && d.Job.Sha256 != s.JobSHA256 {
			v.f.Add(findings.Repairable, "job-copy-other", findings.OnDisk(d), findings.HintRebuild, "job.dsse is not the file that the log names%s", jobProblem(d.Job))
		}
	}
	return nil
}

func jobProblem(j *disk.JobCopy) string {
	if j.Err != nil {
		return ": " + j.Err.Error()
	}
	return fmt.Sprintf(": serial %d", j.Job.Serial)
}

func (v *Check) seePack(p *wire.PackEntry) {
	v.packIDs.add(p.ID)
	if p.Geometry.M == 0 && !v.job.AllowNoParity {
		v.f.Add(findings.Warning, "geometry-differs", findings.InPack(p), "", "has no parity, which the job does not allow")
	} else if p.Geometry.M < v.job.M {
		v.f.Repeat(findings.Warning, "geometry-differs", findings.Nowhere(), "", "some packs have %d parity shards, the job file orders %d", p.Geometry.M, v.job.M)
	}
}

// countPlaces looks at a few packs to find which disk is which bay.
func (v *Check) countPlaces(ctx context.Context) {
	var sample []*wire.PackEntry
	take := func(_ int64, raw []byte) error {
		if e, err := wire.ParseEntry(raw); err == nil && e.Pack != nil {
			sample = append(sample, e.Pack)
		}
		return nil
	}
	const few = 8
	c := &v.counts
	// An error leaves fewer samples, and disks without a header without a bay.
	_ = v.log.Each(ctx, c.FirstPack, c.FirstPack+min(c.Packs, few), take)
	_ = v.log.Each(ctx, c.FirstIndex, c.FirstIndex+min(c.Indexes, few), take)
	v.placeDisks(sample)
	v.countBays(c.Packs + c.Indexes)
}

// idSet remembers the first 8 bytes of every pack id, to tell a file of an
// unknown pack from one of ours: 8 MB for a million packs of 1 GiB.
type idSet struct{ ids []uint64 }

func (s *idSet) add(i wire.ID) {
	sum := sha256.Sum256(i[:])
	s.ids = append(s.ids, be64(sum[:]))
}

func (s *idSet) sort() { slices.Sort(s.ids) }

// twice tells whether two ids are equal. It must follow sort. Different ids are taken for
// equal once in 10^7 logs of a million packs.
func (s *idSet) twice() bool {
	for i := 1; i < len(s.ids); i++ {
		if s.ids[i] == s.ids[i-1] {
			return true
		}
	}
	return false
}

func (s *idSet) has(i wire.ID) bool {
	sum := sha256.Sum256(i[:])
	_, found := slices.BinarySearch(s.ids, be64(sum[:]))
	return found
}

func be64(b []byte) (n uint64) {
	for _, c := range b[:8] {
		n = n<<8 | uint64(c)
	}
	return n & math.MaxUint64
}
