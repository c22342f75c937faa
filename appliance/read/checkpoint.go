package read

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// signedState is one checkpoint that a device of the job has signed, and who has it.
type signedState struct {
	manifest.Checkpoint
	scope manifest.Scope
	disks []string
}

func (a *signedState) same(b manifest.Checkpoint) bool {
	return a.Origin == b.Origin && a.Size == b.Size && a.Root == b.Root
}

// openCheckpoint verifies every checkpoint on the disks and settles on one: the label's;
// without a label that on most disks. Others of its origin stay to be held against its
// log; disks with one of another origin are set aside and named.
func (s *Set) openCheckpoint(label []byte) error {
	good, err := s.checkpoints(label != nil)
	if err != nil {
		return err
	}
	chosen := good[0]
	if label != nil {
		if chosen, err = s.matchLabel(label, good); err != nil {
			return err
		}
	} else if i := slices.IndexFunc(good, func(c *signedState) bool { return c.Origin != chosen.Origin && len(c.disks) == len(chosen.disks) }); i >= 0 {
		return fmt.Errorf("%w: as many disks carry checkpoints of %s as of %s; take the disks of one of them out, or give the label to say which is meant", ErrRollback, chosen.Origin, good[i].Origin)
	}
	s.cp, s.Scope = chosen.Checkpoint, chosen.scope
	s.takeJob(s.Scope)
	for _, c := range good {
		switch {
		case c.Origin != chosen.Origin:
			s.Warnings = append(s.Warnings, fmt.Sprintf("disks %s have the checkpoint of %s; they are not used for this device", strings.Join(c.disks, ", "), c.Origin))
		case c != chosen:
			s.others = append(s.others, c)
		}
	}
	return nil
}

// checkpoints are the good ones, each once, those on most disks first.
func (s *Set) checkpoints(labeled bool) (good []*signedState, err error) {
	var errs []error
	found := false
	for _, d := range s.set.Disks {
		b, err := s.set.ReadFile(d, disk.CheckpointName, manifest.MaxCheckpoint)
		if errors.Is(err, vfs.ErrTooLarge) {
			found = true
			errs = append(errs, fmt.Errorf("disk %s: %w: %w", d.Name, manifest.ErrCorrupt, err))
		}
		if err != nil {
			continue
		}
		found = true
		cp, scope, err := s.verifyCheckpoint(b)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		i := slices.IndexFunc(good, func(c *signedState) bool { return c.same(cp) })
		if i < 0 {
			i = len(good)
			good = append(good, &signedState{Checkpoint: cp, scope: scope})
		}
		good[i].disks = append(good[i].disks, d.Name)
	}
	switch {
	case !found && labeled:
		return nil, fmt.Errorf("%w: the label says that this device was sealed, and no disk has a checkpoint", ErrRollback)
	case !found:
		return nil, fmt.Errorf("%w: no disk has a checkpoint", ErrNotSealed)
	case len(good) == 0:
		return nil, errors.Join(errs...)
	}
	slices.SortStableFunc(good, func(a, b *signedState) int {
		return cmp.Or(cmp.Compare(len(b.disks), len(a.disks)), cmp.Compare(b.Size, a.Size))
	})
	return good, nil
}

// checkForks holds other checkpoints of the log's origin against it: a device may have
// signed a beginning of its log before, and nothing else. No label heals a fork, for the
// key that signed both made the label, too.
func (s *Set) checkForks() error {
	for _, c := range s.others {
		if c.Size < s.cp.Size {
			root, err := s.log.RootAt(c.Size)
			if err != nil {
				return err
			}
			if root == c.Root {
				s.Warnings = append(s.Warnings, fmt.Sprintf("disks %s have an older checkpoint of this log, of %d entries", strings.Join(c.disks, ", "), c.Size))
				continue
			}
		}
		return fmt.Errorf("%w: disks %s have another than the rest:\n%s%s", ErrForked, strings.Join(c.disks, ", "), s.cp.Text, c.Text)
	}
	return nil
}

func (s *Set) verifyCheckpoint(b []byte) (manifest.Checkpoint, manifest.Scope, error) {
	origin, _, _ := bytes.Cut(b, []byte("\n"))
	parts := strings.Split(string(origin), "/")
	if len(parts) != 4 || parts[0] != "sledge" {
		return manifest.Checkpoint{}, manifest.Scope{}, fmt.Errorf("%w: checkpoint of %q", manifest.ErrCorrupt, clip(string(origin)))
	}
	var scope manifest.Scope
	var err error
	if scope.Job, err = manifest.ParseID(parts[1]); err != nil {
		return manifest.Checkpoint{}, scope, fmt.Errorf("checkpoint: %w", err)
	}
	if scope.Device, err = manifest.ParseID(parts[2]); err != nil {
		return manifest.Checkpoint{}, scope, fmt.Errorf("checkpoint: %w", err)
	}
	gen, err := strconv.ParseUint(parts[3], 10, 32)
	if err != nil || gen == 0 {
		return manifest.Checkpoint{}, scope, fmt.Errorf("%w: checkpoint of generation %q", manifest.ErrCorrupt, clip(parts[3]))
	}
	scope.Generation = uint32(gen)
	dev, ok := s.pinned(scope)
	if !ok {
		return manifest.Checkpoint{}, scope, fmt.Errorf("%w: checkpoint of job %s, device %s: the job file on the disks (job %s) does not name it", disk.ErrForeign, scope.Job, scope.Device, s.Job.ID)
	}
	cp, err := manifest.OpenCheckpoint(b, scope.Origin(), dev.PublicKey.PublicKey)
	return cp, scope, err
}

// pinned finds a device in whichever job file of its job names it. Its id is the hash of
// its key, so that no two of them can disagree.
func (s *Set) pinned(scope manifest.Scope) (manifest.JobDevice, bool) {
	for _, j := range s.jobs {
		if dev, ok := j.job.Device(scope.Device); ok && j.job.ID == scope.Job {
			return dev, true
		}
	}
	return manifest.JobDevice{}, false
}

// takeJob leaves job files of other jobs; which one of the device's it is the log says.
func (s *Set) takeJob(scope manifest.Scope) {
	if _, ok := s.Job.Device(scope.Device); ok && s.Job.ID == scope.Job {
		return
	}
	for _, j := range s.jobs {
		if _, ok := j.job.Device(scope.Device); ok && j.job.ID == scope.Job {
			s.Job, s.JobFile = j.job, j.file
			return
		}
	}
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

func (s *Set) matchLabel(text []byte, good []*signedState) (*signedState, error) {
	l, err := manifest.ParseLabel(text)
	if err != nil {
		return nil, err
	}
	want, scope, err := s.verifyCheckpoint(l.Checkpoint)
	if errors.Is(err, disk.ErrForeign) {
		return nil, fmt.Errorf("%w: the label is of job %s, device %s; the disks are of job %s", ErrRollback, l.Scope.Job, l.Scope.Device, s.Job.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	s.takeJob(scope)
	s.useJob(l.JobSHA256)
	if l.Scope != scope || l.JobSHA256 != crypto.SumSHA256(s.JobFile) {
		return nil, fmt.Errorf("%w: the label is of job %s, device %s, generation %d with another job file", ErrRollback, l.Scope.Job, l.Scope.Device, l.Scope.Generation)
	}
	if l.Disks != s.Job.Geometry.Disks || l.JobSerial != s.Job.Serial {
		return nil, fmt.Errorf("%w: the label says %d disks and job serial %d, the job file %d and %d", ErrRollback, l.Disks, l.JobSerial, s.Job.Geometry.Disks, s.Job.Serial)
	}
	for _, c := range good {
		if c.same(want) {
			s.LabelChecked = true
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: the disks were sealed in another state than the label says.\nlabel:\n%s\ndisks:\n%s", ErrRollback, want.Text, good[0].Text)
}
