package disks

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// unsealed verifies a device that has no log yet from the clear parts of its
// journal: each pack's entry under the device's signature, then its shards.
func (v *Check) unsealed(ctx context.Context) error {
	v.progress.Enter("disks")
	if len(v.s.disks) == 0 {
		return v.refuse("identity-unknown", findings.Nowhere(), "name the device's disks", "none of the disks has a sledge folder")
	}
	if err := v.noJob(); err != nil {
		return err
	}
	v.nameJobCopies()
	if err := v.identifyUnsealed(); err != nil {
		return err
	}
	if err := v.labelOfUnsealed(); err != nil {
		return err
	}
	v.markForeign()
	names, err := v.journalNames()
	if err != nil {
		return err
	}
	v.bays = v.job.Disks
	v.nameHeaders()
	var sample []*wire.PackEntry
	stored := int64(0)
	var numbers []uint64
	j, err := v.newJournalWalk(ctx, names)
	if err != nil {
		return err
	}
	err = j.walk(ctx, true, func(p *wire.PackEntry) error {
		if len(sample) < 8 {
			sample = append(sample, p)
		}
		stored += p.Geometry.Stored()
		v.packIDs.add(p.ID)
		numbers = append(numbers, p.Number)
		v.report.Packs++
		return nil
	})
	if err != nil {
		return err
	}
	v.nameOrder(numbers)
	if v.packIDs.sort(); v.packIDs.twice() {
		v.f.Add(findings.Fatal, "pack-entry-bad", findings.Nowhere(), findings.HintRefuse, "two packs of the journals have one id")
	}
	v.unsealedWraps()
	v.progress.Total.Store(stored)
	v.progress.PacksTotal.Store(v.report.Packs)
	v.placeDisks(sample)
	v.countBays(v.report.Packs)
	return v.unsealedPacks(ctx, j)
}

// nameOrder names packs that no journal at hand has although later ones are there: their
// frames are lost, also where nothing is left that looks like one. Packs of one number, or
// in another order than their files, no device has written.
func (v *Check) nameOrder(numbers []uint64) {
	if !slices.IsSorted(numbers) {
		v.f.Add(findings.Fatal, "pack-entry-bad", findings.Nowhere(), findings.HintRefuse, "the journals' packs are not in the order of their numbers")
		slices.Sort(numbers)
	}
	next := uint64(0)
	for _, n := range numbers {
		if n < next {
			v.f.Add(findings.Fatal, "pack-entry-bad", findings.Nowhere(), findings.HintRefuse, "two packs have the number %d", n)
			continue
		}
		if n > next {
			v.f.Add(findings.Lost, "journal-gap", findings.Nowhere(), "connect the missing disks", "packs %d to %d are in no journal, and pack %d is: their frames are lost", next, n-1, n)
		}
		next = n + 1
	}
}

// labelOfUnsealed refuses disks that were put back to before the seal that a
// label tells of. Its signature need not be asked: no label fits such disks.
func (v *Check) labelOfUnsealed() error {
	if v.o.Label == nil {
		return nil
	}
	l, err := v.readLabel()
	if err != nil {
		return err
	}
	if l.Identity != v.who {
		return v.refuse("label-differs", findings.Nowhere(), findings.HintRefuse, "label is of job %s, device %s, generation %d; the disks are of job %s, device %s, generation %d, and not sealed",
			l.Job, l.Device, l.Generation, v.who.Job, v.who.Device, v.who.Generation)
	}
	return v.refuse("label-differs", findings.Nowhere(), findings.HintRefuse, "the label says sealed with a log of %d entries, these disks are not sealed: they were put back to before the seal", l.Checkpoint.Size)
}

func (v *Check) unsealedPacks(ctx context.Context, j *journalWalk) error {
	odd := &oddShards{}
	each := func(ctx context.Context, fn func(*wire.PackEntry) error) error { return j.walk(ctx, false, fn) }
	err := v.pool(ctx, each, func(ctx context.Context, w *worker, p *wire.PackEntry) error {
		return w.scanPack(ctx, p, odd)
	})
	if err != nil {
		return err
	}
	v.together.name(v)
	if err := odd.identify(ctx, v, each); err != nil {
		return err
	}
	return v.listing(ctx)
}

// identifyUnsealed takes job, device and generation from headers or from the
// unlock wrap, which are hints; the signatures under them decide.
func (v *Check) identifyUnsealed() error {
	votes := map[wire.Identity]int{}
	for _, d := range v.s.disks {
		if d.Header != nil {
			votes[d.Header.Identity]++
		} else if raw, err := disk.ReadSmall(d.Fsys, "wraps/unlock", wire.MaxWrapSize); err == nil {
			if i, _, _, err := wire.ParseWrap(raw); err == nil {
				votes[i]++
			}
		}
	}
	most := 0
	for i, n := range votes {
		if n > most || n == most && i.Generation > v.who.Generation {
			v.who, most = i, n
		}
	}
	if most == 0 {
		return v.refuse("identity-unknown", findings.Nowhere(), "", "neither a checkpoint nor a header nor an unlock wrap says which device this is")
	}
	var problem *disk.JobCopy
	for _, c := range v.s.jobs {
		switch {
		case c.Err != nil:
			problem = c
		case c.Job.Job == v.who.Job && c.Job.Devices[v.who.Device] != nil && (v.job == nil || c.Job.Serial > v.job.Serial):
			v.job = c.Job
		}
	}
	if v.job == nil && problem != nil {
		return v.refuse("job-untrusted", findings.Nowhere(), findings.HintRefuse, "job.dsse: %s", problem.Problem(v.o.Trust))
	}
	if v.job == nil {
		return v.refuse("job-lost", findings.Nowhere(), "", "no disk has a job file that pins device %s for job %s", v.who.Device, v.who.Job)
	}
	v.key = v.job.Devices[v.who.Device]
	v.report.Job, v.report.Device, v.report.Generation = v.who.Job.String(), v.who.Device.String(), v.who.Generation
	v.nameOtherJobs()
	return nil
}

func (v *Check) nameOtherJobs() {
	for _, d := range v.s.disks {
		if d.Job == nil || d.Job.Sha256 == v.job.Sha256 || d.Header != nil && d.Header.Identity != v.who {
			continue
		}
		v.f.Add(findings.Repairable, "job-copy-other", findings.OnDisk(d), findings.HintRebuild, "job.dsse is not the file of the other disks%s", jobProblem(d.Job))
	}
}
