package fsck

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// manifest proves the chain from the job signer to the last log entry.
func (v *verifier) manifest(ctx context.Context) error {
	v.progress.enter("manifest")
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
	v.who, v.key = c.identity, c.key
	v.describe(c)
	v.markForeign()
	if err := v.compareLabel(l, c); err != nil {
		return err
	}
	v.nameCheckpoints(c)
	v.log = newLogView(v.use, c.size, c.root, v.f)
	if err := v.walkLog(ctx); err != nil {
		return err
	}
	if l != nil && (int(l.disks) != v.bays || l.jobSerial != v.job.serial || l.jobSHA256 != v.job.sha256) {
		return v.refuse("label-differs", nowhere(), hintRefuse, "label: says %d disks, job serial %d, job file %x; the log says %d, %d, %x",
			l.disks, l.jobSerial, l.jobSHA256, v.bays, v.job.serial, v.job.sha256)
	}
	v.sealStatements(c)
	v.nameHeaders()
	v.leftovers()
	v.countPlaces(ctx)
	return nil
}

func (v *verifier) describe(c *checkpointCopy) {
	r := v.report
	r.Job, r.Device, r.Generation = c.job.String(), c.device.String(), c.generation
	r.Checkpoint, r.LogSize, r.Root = c.text, c.size, base64.StdEncoding.EncodeToString(c.root[:])
}

func (v *verifier) readLabel() (*label, error) {
	if v.o.Label == nil {
		v.f.add(Note, "label-not-given", nowhere(), "give the label to prove that this is the latest state", "an older state of the device would look the same")
		return nil, nil
	}
	l, err := parseLabel(v.o.Label)
	if err != nil {
		return nil, v.refuse("label-bad", nowhere(), "check the label file", "label: %v", err)
	}
	return l, nil
}

// noCheckpoint says for each disk why its checkpoint is not believed.
func (v *verifier) noCheckpoint() error {
	for _, d := range v.s.disks {
		if d.job != nil && d.job.err != nil {
			v.f.add(Fatal, "job-untrusted", onDisk(d), hintRefuse, "job.dsse: %v", d.job.err)
		}
		if d.checkpoint != nil {
			v.f.add(Fatal, "checkpoint-untrusted", onDisk(d), hintRefuse, "log/checkpoint: %v", d.checkpoint.err)
		}
	}
	return errRefused
}

// compareLabel finds a device that was set back to an older state.
func (v *verifier) compareLabel(l *label, c *checkpointCopy) error {
	if l == nil {
		return nil
	}
	if l.identity != v.who {
		return v.refuse("label-differs", nowhere(), hintRefuse, "label is of job %s, device %s, generation %d; the disks are of job %s, device %s, generation %d",
			l.job, l.device, l.generation, c.job, c.device, c.generation)
	}
	if l.checkpoint.origin != c.origin {
		return v.refuse("label-bad", nowhere(), hintRefuse, "label: its checkpoint is of %q", l.checkpoint.origin)
	}
	if err := l.checkpoint.verify(v.key); err != nil {
		return v.refuse("label-bad", nowhere(), hintRefuse, "label: its checkpoint: %v", err)
	}
	if l.checkpoint.text != c.text {
		return v.refuse("label-differs", nowhere(), hintRefuse, "label and disks differ: the label has %d entries, root %s; the disks have %d entries, root %s",
			l.checkpoint.size, l.checkpoint.root, c.size, c.root)
	}
	return nil
}

// nameCheckpoints names every copy that is not the chosen one.
func (v *verifier) nameCheckpoints(c *checkpointCopy) {
	for _, d := range v.use {
		switch o := d.checkpoint; {
		case o == nil:
			v.f.add(Repairable, "checkpoint-copy-missing", onDisk(d), hintRebuild, "log/checkpoint is missing")
		case o.err != nil:
			v.f.add(Repairable, "checkpoint-copy-bad", onDisk(d), hintRebuild, "log/checkpoint: %v", o.err)
		case o.same(c.checkpoint):
		case o.identity == v.who && o.size < c.size:
			v.older = append(v.older, d) // the walk tells whether it is a beginning of our log
		case o.identity == v.who:
			v.f.add(Fatal, "checkpoint-fork", onDisk(d), hintRefuse, "the device signed two checkpoints of one generation: %d entries, root %s; and %d entries, root %s",
				o.size, o.root, c.size, c.root)
		default:
			v.f.add(Repairable, "checkpoint-copy-other", onDisk(d), hintRebuild, "log/checkpoint is of %s", o.origin)
		}
	}
}

// walkLog proves tree and entries: order, numbers, limits, encoding.
func (v *verifier) walkLog(ctx context.Context) error {
	order := &logOrder{}
	wraps := &wrapCheck{v: v}
	prefix := &prefixCheck{v: v, left: v.older}
	err := v.log.walk(ctx, func(pos int64, raw []byte) error {
		prefix.leaf(pos, raw)
		e, err := parseEntry(raw)
		if err == nil {
			err = order.next(pos, e)
		}
		if err != nil {
			return v.refuse("log-entry-bad", nowhere(), hintRefuse, "log entry %d: %v", pos, err)
		}
		switch e.kind {
		case startKind:
			return v.begin(e.start)
		case wrapKind:
			if err := wraps.fits(e.wrap); err != nil {
				return v.refuse("log-entry-bad", nowhere(), hintRefuse, "log entry %d: %v", pos, err)
			}
			wraps.entry(e.wrap)
		case packKind, indexKind:
			v.seePack(e.pack)
		}
		return nil
	})
	if errors.Is(err, errLogLost) {
		return v.refuse("log-lost", nowhere(), hintRefuse, "the log cannot be put together from these disks: %v", err)
	}
	if err != nil {
		return err
	}
	if !order.ended {
		return v.refuse("log-entry-bad", nowhere(), hintRefuse, "the log has no end entry")
	}
	wraps.finish()
	v.counts = order.logCounts
	if v.packIDs.sort(); v.packIDs.twice() {
		return v.refuse("log-entry-bad", nowhere(), hintRefuse, "two packs of the log have one id")
	}
	r := v.report
	r.Packs, r.IndexPacks, r.Pages = order.packs, order.indexes, order.pages
	v.progress.total.Store(order.stored)
	v.progress.packsTotal.Store(order.packs + order.indexes)
	return nil
}

// prefixCheck compares older checkpoints of this generation with the beginning
// of the log: a log key must never sign two that do not fit together.
type prefixCheck struct {
	v    *verifier
	left []*disk
	tree treeStack
}

func (c *prefixCheck) leaf(pos int64, raw []byte) {
	if len(c.left) == 0 {
		return
	}
	if pos == 0 {
		c.judge(0)
	}
	c.tree.push(tlog.RecordHash(raw), 1)
	c.judge(pos + 1)
}

// judge names the checkpoints of the size that the log has had here.
func (c *prefixCheck) judge(size int64) {
	c.left = slices.DeleteFunc(c.left, func(d *disk) bool {
		o := d.checkpoint
		if o.size != size {
			return false
		}
		if o.root == c.tree.root() {
			c.v.f.add(Repairable, "checkpoint-copy-other", onDisk(d), hintRebuild, "log/checkpoint is older: %d entries", o.size)
		} else {
			c.v.f.add(Fatal, "checkpoint-fork", onDisk(d), hintRefuse, "the device signed a checkpoint of %d entries, root %s, that is no beginning of its log", o.size, o.root)
		}
		return true
	})
}

// begin ties the start entry to the checkpoint and to one of the job files.
func (v *verifier) begin(s *startEntry) error {
	if s.identity != v.who {
		return v.refuse("log-entry-bad", nowhere(), hintRefuse, "the start entry is of job %s, device %s, generation %d", s.job, s.device, s.generation)
	}
	for _, j := range v.s.jobs {
		if j.sha256 == s.jobSHA256 && j.err == nil {
			v.job = j.job
		} else if j.sha256 == s.jobSHA256 {
			return v.refuse("job-untrusted", nowhere(), hintRefuse, "job.dsse: %s", j.problem(v.o.Trust))
		}
	}
	if v.job == nil {
		return v.refuse("job-lost", nowhere(), "find the job file among the data centre's copies and put it on a disk", "no disk has the job file that the log names (SHA-256 %x)", s.jobSHA256)
	}
	if v.job.job != s.job || v.job.serial != s.jobSerial || v.job.devices[s.device] == nil {
		return v.refuse("log-entry-bad", nowhere(), hintRefuse, "the start entry says job serial %d, the job file %d", s.jobSerial, v.job.serial)
	}
	v.bays = s.bays
	if s.bays != v.job.disks {
		v.f.add(Warning, "geometry-differs", nowhere(), "", "the log says %d bays, the job file %d disks", s.bays, v.job.disks)
	}
	for _, d := range v.use {
		if d.job != nil && d.job.sha256 != s.jobSHA256 {
			v.f.add(Repairable, "job-copy-other", onDisk(d), hintRebuild, "job.dsse is not the file that the log names%s", jobProblem(d.job))
		}
	}
	return nil
}

func jobProblem(j *jobCopy) string {
	if j.err != nil {
		return ": " + j.err.Error()
	}
	return fmt.Sprintf(": serial %d", j.job.serial)
}

func (v *verifier) seePack(p *packEntry) {
	v.packIDs.add(p.id)
	if p.geometry.m == 0 && !v.job.allowNoParity {
		v.f.add(Warning, "geometry-differs", inPack(p), "", "has no parity, which the job does not allow")
	} else if p.geometry.m < v.job.m {
		v.f.repeat(Warning, "geometry-differs", nowhere(), "", "some packs have %d parity shards, the job file orders %d", p.geometry.m, v.job.m)
	}
}

// countPlaces looks at a few packs to find which disk is which bay.
func (v *verifier) countPlaces(ctx context.Context) {
	var sample []*packEntry
	take := func(_ int64, raw []byte) error {
		if e, err := parseEntry(raw); err == nil && e.pack != nil {
			sample = append(sample, e.pack)
		}
		return nil
	}
	const few = 8
	c := &v.counts
	// An error leaves fewer samples, and disks without a header without a bay.
	_ = v.log.each(ctx, c.firstPack, c.firstPack+min(c.packs, few), take)
	_ = v.log.each(ctx, c.firstIndex, c.firstIndex+min(c.indexes, few), take)
	v.placeDisks(sample)
	v.countBays(c.packs + c.indexes)
}

// idSet remembers the first 8 bytes of every pack id, to tell a file of an
// unknown pack from one of ours: 8 MB for a million packs of 1 GiB.
type idSet struct{ ids []uint64 }

func (s *idSet) add(i id) {
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

func (s *idSet) has(i id) bool {
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
