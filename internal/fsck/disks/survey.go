package disks

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// survey reads from every disk the few small files that say who it is.
type survey struct {
	disks       []*disk.Seen
	jobs        []*disk.JobCopy
	checkpoints []*disk.CheckpointCopy
	sawSeal     bool // some disk has a log/checkpoint, good or bad
}

func (v *Check) survey(list []disk.Disk) error {
	s := &survey{}
	names := map[string]bool{}
	for i, in := range list {
		if in.Name == "" {
			in.Name = fmt.Sprintf("#%d", i)
		}
		if names[in.Name] {
			return fmt.Errorf("two disks have the name %q", in.Name)
		}
		names[in.Name] = true
		in.FS = disk.WatchedFS{FS: in.FS, Place: "disk " + findings.QuoteName(in.Name), W: v.own}
		sub, err := fs.Sub(in.FS, "sledge")
		if err != nil {
			return fmt.Errorf("disk %s: %w", in.Name, err)
		}
		d := &disk.Seen{Name: in.Name, Fsys: sub, Bay: -1}
		if info, err := fs.Stat(in.FS, "sledge"); disk.IsMissing(err) || err == nil && !info.IsDir() {
			v.f.Add(findings.Warning, "not-a-sledge-disk", findings.OnDisk(d), "", "no sledge folder: not a disk of this device; take it out")
			continue
		}
		s.disks = append(s.disks, d)
		v.readHeader(d)
		v.readJob(s, d)
	}
	for _, d := range s.disks {
		v.readCheckpoint(s, d)
	}
	v.s = s
	return v.own.Met()
}

func (v *Check) readHeader(d *disk.Seen) {
	raw, err := disk.ReadSmall(d.Fsys, "disk.header", wire.HeaderSize)
	if err == nil {
		d.Header, err = wire.ParseHeader(raw)
	}
	if err != nil {
		v.f.Add(findings.Repairable, "header-bad", findings.OnDisk(d), findings.HintRebuild, "disk.header: %v", err)
		return
	}
	d.Bay = d.Header.Bay
}

func (v *Check) readJob(s *survey, d *disk.Seen) {
	raw, err := disk.ReadSmall(d.Fsys, "job.dsse", wire.MaxJobSize)
	if err != nil {
		d.JobErr = err // named once another disk's copy is known to be good
		return
	}
	sum := sha256.Sum256(raw)
	for _, j := range s.jobs {
		if j.Sha256 == sum {
			d.Job = j
			j.Disks++
			return
		}
	}
	d.Job = &disk.JobCopy{Sha256: sum, Disks: 1}
	if d.Job.Job, d.Job.Err = wire.OpenJob(raw, v.o.Trust); d.Job.Err != nil {
		d.Job.Claims = wire.ClaimedSigner(raw)
	}
	s.jobs = append(s.jobs, d.Job)
}

// noJob says in one finding why no job file can be believed: without one nothing
// else can be, so nothing else is worth saying.
func (v *Check) noJob() error {
	var worst *disk.JobCopy
	for _, j := range v.s.jobs {
		if j.Err == nil {
			return nil
		}
		forged, known := errors.Is(j.Err, wire.ErrSignature), worst != nil && errors.Is(worst.Err, wire.ErrSignature)
		if worst == nil || forged && !known || forged == known && j.Disks > worst.Disks {
			worst = j
		}
	}
	if worst != nil {
		text := ""
		if n := len(v.s.jobs); n > 1 {
			text = fmt.Sprintf("; nor is any other of the %d different copies good", n)
		}
		return v.refuse("job-untrusted", findings.Nowhere(), findings.HintRefuse, "job.dsse: %s%s", worst.Problem(v.o.Trust), text)
	}
	text := ""
	if len(v.s.disks) > 0 {
		text = fmt.Sprintf(" (disk %s: %v)", findings.QuoteName(v.s.disks[0].Name), v.s.disks[0].JobErr)
	}
	return v.refuse("job-lost", findings.Nowhere(), "find the job file among the data centre's copies and put it on a disk", "job.dsse: no disk has one that can be read%s", text)
}

func (v *Check) nameJobCopies() {
	for _, d := range v.s.disks {
		if d.JobErr != nil {
			v.f.Add(findings.Repairable, "job-copy-bad", findings.OnDisk(d), findings.HintRebuild, "job.dsse: %v", d.JobErr)
		}
	}
}

func (v *Check) readCheckpoint(s *survey, d *disk.Seen) {
	raw, err := disk.ReadSmall(d.Fsys, "log/checkpoint", wire.MaxCheckpointSize)
	if disk.IsMissing(err) {
		return
	}
	s.sawSeal = true
	if err != nil {
		d.Checkpoint = &disk.CheckpointCopy{Err: err}
		return
	}
	for _, c := range s.checkpoints {
		if c.Checkpoint != nil && string(c.Raw) == string(raw) {
			d.Checkpoint = c
			c.Disks++
			return
		}
	}
	d.Checkpoint = s.openCheckpoint(raw)
	s.checkpoints = append(s.checkpoints, d.Checkpoint)
}

// openCheckpoint verifies with the device key that some job file pins. A
// device id is the hash of its key, so no two job files can disagree on it.
func (s *survey) openCheckpoint(raw []byte) *disk.CheckpointCopy {
	c := &disk.CheckpointCopy{Disks: 1}
	if c.Checkpoint, c.Err = wire.ParseCheckpoint(raw); c.Err != nil {
		return c
	}
	var rest string
	if c.Identity, rest, c.Err = wire.ParseOrigin(c.Origin); c.Err != nil {
		return c
	}
	if rest != "" {
		c.Err = fmt.Errorf("%w: origin %q", wire.ErrMalformed, c.Origin)
		return c
	}
	for _, j := range s.jobs {
		if j.Err == nil && j.Job.Job == c.Job && j.Job.Devices[c.Device] != nil {
			c.Key = j.Job.Devices[c.Device]
			c.Err = c.Verify(j.Job.Devices[c.Device])
			return c
		}
	}
	c.Err = fmt.Errorf("no job file at hand pins the key of device %s for job %s", c.Device, c.Job)
	return c
}

// chooseCheckpoint takes the one that the label names if a disk has it, else
// one of the device that is asked for, if one is, else the one on most disks, else
// the latest.
func (s *survey) chooseCheckpoint(l *wire.Label, wanted wire.Identity) *disk.CheckpointCopy {
	var best *disk.CheckpointCopy
	count := map[string]int{}
	for _, c := range s.checkpoints {
		if c.Err == nil {
			count[c.Text] += c.Disks
		}
	}
	for _, c := range s.checkpoints {
		if c.Err != nil {
			continue
		}
		if l != nil && c.Same(l.Checkpoint) {
			return c
		}
		isOurs, bestIs := c.Identity == wanted, best != nil && best.Identity == wanted
		if best == nil || isOurs && !bestIs || isOurs == bestIs && better(c, best, count) {
			best = c
		}
	}
	return best
}

// has tells whether a disk has a good checkpoint of the device.
func (s *survey) has(who wire.Identity) bool {
	return slices.ContainsFunc(s.checkpoints, func(c *disk.CheckpointCopy) bool { return c.Err == nil && c.Identity == who })
}

func better(a, b *disk.CheckpointCopy, count map[string]int) bool {
	if count[a.Text] != count[b.Text] {
		return count[a.Text] > count[b.Text]
	}
	if a.Generation != b.Generation {
		return a.Generation > b.Generation
	}
	return a.Size > b.Size
}
