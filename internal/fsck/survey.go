package fsck

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// survey reads from every disk the few small files that say who it is.
type survey struct {
	disks       []*disk
	jobs        []*jobCopy
	checkpoints []*checkpointCopy
	sawSeal     bool // some disk has a log/checkpoint, good or bad
}

func (v *verifier) survey(list []Disk) error {
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
		in.FS = watchedFS{in.FS, "disk " + quoteName(in.Name), v.own}
		sub, err := fs.Sub(in.FS, "sledge")
		if err != nil {
			return fmt.Errorf("disk %s: %w", in.Name, err)
		}
		d := &disk{name: in.Name, fsys: sub, bay: -1}
		if info, err := fs.Stat(in.FS, "sledge"); isMissing(err) || err == nil && !info.IsDir() {
			v.f.add(Warning, "not-a-sledge-disk", onDisk(d), "", "no sledge folder: not a disk of this device; take it out")
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
	return v.own.met()
}

func (v *verifier) readHeader(d *disk) {
	raw, err := readSmall(d.fsys, "disk.header", wire.HeaderSize)
	if err == nil {
		d.header, err = wire.ParseHeader(raw)
	}
	if err != nil {
		v.f.add(Repairable, "header-bad", onDisk(d), hintRebuild, "disk.header: %v", err)
		return
	}
	d.bay = d.header.Bay
}

func (v *verifier) readJob(s *survey, d *disk) {
	raw, err := readSmall(d.fsys, "job.dsse", wire.MaxJobSize)
	if err != nil {
		d.jobErr = err // named once another disk's copy is known to be good
		return
	}
	sum := sha256.Sum256(raw)
	for _, j := range s.jobs {
		if j.sha256 == sum {
			d.job = j
			j.disks++
			return
		}
	}
	d.job = &jobCopy{sha256: sum, disks: 1}
	if d.job.job, d.job.err = wire.OpenJob(raw, v.o.Trust); d.job.err != nil {
		d.job.claims = wire.ClaimedSigner(raw)
	}
	s.jobs = append(s.jobs, d.job)
}

// noJob says in one finding why no job file can be believed: without one nothing
// else can be, so nothing else is worth saying.
func (v *verifier) noJob() error {
	var worst *jobCopy
	for _, j := range v.s.jobs {
		if j.err == nil {
			return nil
		}
		forged, known := errors.Is(j.err, wire.ErrSignature), worst != nil && errors.Is(worst.err, wire.ErrSignature)
		if worst == nil || forged && !known || forged == known && j.disks > worst.disks {
			worst = j
		}
	}
	if worst != nil {
		text := ""
		if n := len(v.s.jobs); n > 1 {
			text = fmt.Sprintf("; nor is any other of the %d different copies good", n)
		}
		return v.refuse("job-untrusted", nowhere(), hintRefuse, "job.dsse: %s%s", worst.problem(v.o.Trust), text)
	}
	text := ""
	if len(v.s.disks) > 0 {
		text = fmt.Sprintf(" (disk %s: %v)", quoteName(v.s.disks[0].name), v.s.disks[0].jobErr)
	}
	return v.refuse("job-lost", nowhere(), "find the job file among the data centre's copies and put it on a disk", "job.dsse: no disk has one that can be read%s", text)
}

func (v *verifier) nameJobCopies() {
	for _, d := range v.s.disks {
		if d.jobErr != nil {
			v.f.add(Repairable, "job-copy-bad", onDisk(d), hintRebuild, "job.dsse: %v", d.jobErr)
		}
	}
}

func (v *verifier) readCheckpoint(s *survey, d *disk) {
	raw, err := readSmall(d.fsys, "log/checkpoint", wire.MaxCheckpointSize)
	if isMissing(err) {
		return
	}
	s.sawSeal = true
	if err != nil {
		d.checkpoint = &checkpointCopy{err: err}
		return
	}
	for _, c := range s.checkpoints {
		if c.Checkpoint != nil && string(c.Raw) == string(raw) {
			d.checkpoint = c
			c.disks++
			return
		}
	}
	d.checkpoint = s.openCheckpoint(raw)
	s.checkpoints = append(s.checkpoints, d.checkpoint)
}

// openCheckpoint verifies with the device key that some job file pins. A
// device id is the hash of its key, so no two job files can disagree on it.
func (s *survey) openCheckpoint(raw []byte) *checkpointCopy {
	c := &checkpointCopy{disks: 1}
	if c.Checkpoint, c.err = wire.ParseCheckpoint(raw); c.err != nil {
		return c
	}
	var rest string
	if c.Identity, rest, c.err = wire.ParseOrigin(c.Origin); c.err != nil {
		return c
	}
	if rest != "" {
		c.err = fmt.Errorf("%w: origin %q", wire.ErrMalformed, c.Origin)
		return c
	}
	for _, j := range s.jobs {
		if j.err == nil && j.job.Job == c.Job && j.job.Devices[c.Device] != nil {
			c.key = j.job.Devices[c.Device]
			c.err = c.Verify(j.job.Devices[c.Device])
			return c
		}
	}
	c.err = fmt.Errorf("no job file at hand pins the key of device %s for job %s", c.Device, c.Job)
	return c
}

// chooseCheckpoint takes the one that the label names if a disk has it, else
// one of the device that is asked for, if one is, else the one on most disks, else
// the latest.
func (s *survey) chooseCheckpoint(l *wire.Label, wanted wire.Identity) *checkpointCopy {
	var best *checkpointCopy
	count := map[string]int{}
	for _, c := range s.checkpoints {
		if c.err == nil {
			count[c.Text] += c.disks
		}
	}
	for _, c := range s.checkpoints {
		if c.err != nil {
			continue
		}
		if l != nil && c.same(l.Checkpoint) {
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
	return slices.ContainsFunc(s.checkpoints, func(c *checkpointCopy) bool { return c.err == nil && c.Identity == who })
}

func better(a, b *checkpointCopy, count map[string]int) bool {
	if count[a.Text] != count[b.Text] {
		return count[a.Text] > count[b.Text]
	}
	if a.Generation != b.Generation {
		return a.Generation > b.Generation
	}
	return a.Size > b.Size
}
