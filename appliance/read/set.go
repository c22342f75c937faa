package read

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// Set is a sealed device whose chain has been verified: job file, device key,
// checkpoint, log. It reads nothing that needs a key.
type Set struct {
	set          *disk.Set
	Job          *manifest.Job
	JobFile      []byte
	Scope        manifest.Scope
	Start        *manifest.Start
	End          *manifest.End
	Wraps        []*manifest.WrapEntry
	Proven       bool // the job signer's key was given and fits
	LabelChecked bool
	Warnings     []string

	jobs   []openedJob    // every job file on the disks that verifies
	others []*signedState // further checkpoints of the log's origin

	log *manifest.LogReader
	cp  manifest.Checkpoint
}

// OpenSet verifies a sealed set of disks. signer is the job signer's key, by
// another channel; with nil the set can only be consistent, not proven. label is
// the text that travelled outside the device, or nil.
func OpenSet(disks []disk.Disk, signer ed25519.PublicKey, label []byte) (*Set, error) {
	return OpenSetContext(context.Background(), disks, signer, label)
}

// OpenSetContext is OpenSet that ends when ctx does: a log of a size that somebody signed
// may need as many reads as the disks hold files.
func OpenSetContext(ctx context.Context, disks []disk.Disk, signer ed25519.PublicKey, label []byte) (*Set, error) {
	if len(disks) == 0 {
		return nil, fmt.Errorf("%w: none given", disk.ErrTooFewDisks)
	}
	s := &Set{set: disk.NewSet(disks), Proven: signer != nil}
	s.set.StopBy(ctx.Err)
	err := s.open(signer, label)
	s.set.StopBy(nil)                         // the set outlives the context
	if own := s.set.Fault.Get(); own != nil { // whatever was not found may be there
		err = own
	}
	if err != nil && ctx.Err() != nil { // nothing was read behind the end
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Set) open(signer ed25519.PublicKey, label []byte) error {
	if err := s.openJob(signer); err != nil {
		return err
	}
	if err := s.openCheckpoint(label); err != nil {
		return err
	}
	log, err := manifest.OpenLog(s.cp, s.set)
	if err != nil {
		return err
	}
	s.log = log
	if err := s.checkForks(); err != nil {
		return err
	}
	if err := s.openEnds(); err != nil {
		return err
	}
	s.checkHeaders()
	s.checkStatement()
	return nil
}

// checkStatement notes what the device said of itself when it was sealed.
func (s *Set) checkStatement() {
	dev, _ := s.Job.Device(s.Scope.Device)
	for _, b := range s.set.Copies(disk.SealName, 0, manifest.MaxStatement) {
		var st manifest.SealStatement
		if _, _, err := manifest.OpenStatement(b, manifest.PredicateSeal, &st, dev.PublicKey.PublicKey); err != nil || !bytes.Equal(st.LogRoot, s.cp.Root[:]) {
			continue
		}
		if !st.ScanComplete {
			s.Warnings = append(s.Warnings, "this device was sealed before its source had been loaded whole")
		}
		return
	}
	s.Warnings = append(s.Warnings, "no disk has the seal statement that the device signed")
}

func (s *Set) openJob(signer ed25519.PublicKey) error {
	copies := s.set.Copies(disk.JobName, 0, manifest.MaxStatement)
	if err := s.set.TooLong(disk.JobName, manifest.MaxStatement); len(copies) == 0 && err != nil {
		return fmt.Errorf("job file: %w", err)
	}
	if len(copies) == 0 {
		return fmt.Errorf("%w: no disk has a job file (%s): is this a sledge disk?", disk.ErrForeign, disk.JobName)
	}
	var errs []error
	for _, b := range copies {
		var job *manifest.Job
		var err error
		if signer != nil {
			job, err = manifest.OpenJob(b, signer)
		} else {
			job, err = manifest.PeekJob(b)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.jobs = append(s.jobs, openedJob{job, b})
	}
	if len(s.jobs) == 0 {
		return errors.Join(errs...)
	}
	s.Job, s.JobFile = s.jobs[0].job, s.jobs[0].file
	if len(copies) > 1 {
		s.Warnings = append(s.Warnings, "disks hold different job files; the one that verifies, and that the log names, is used")
	}
	return nil
}

// openedJob is a job file that verifies.
type openedJob struct {
	job  *manifest.Job
	file []byte
}

// useJob takes the job file with a hash, if the disks have it. A disk that was away
// when the job was extended, and at the seal, has an earlier one.
func (s *Set) useJob(sum [32]byte) {
	for _, j := range s.jobs {
		if crypto.SumSHA256(j.file) == sum && j.job.ID == s.Job.ID {
			s.Job, s.JobFile = j.job, j.file
		}
	}
}

// openEnds reads the first and the last entry and the wraps.
func (s *Set) openEnds() error {
	first, err := s.entry(0)
	if err != nil {
		return err
	}
	last, err := s.entry(s.cp.Size - 1)
	if err != nil {
		return err
	}
	if first.Start == nil || last.End == nil {
		return fmt.Errorf("%w: the log does not begin with a start and end with an end entry", manifest.ErrCorrupt)
	}
	s.Start, s.End = first.Start, last.End
	if s.Start.Scope != s.Scope {
		return fmt.Errorf("%w: the log is of another device or generation than its checkpoint", manifest.ErrUnverified)
	}
	s.useJob(s.Start.JobSHA256)
	if s.Start.JobSHA256 != crypto.SumSHA256(s.JobFile) {
		return fmt.Errorf("%w: the log was written under another job file", manifest.ErrUnverified)
	}
	for pos := uint64(1); pos < s.End.FirstPack && pos < s.cp.Size; pos++ {
		e, err := s.entry(pos)
		if err != nil {
			return err
		}
		if e.Wrap == nil {
			break
		}
		s.Wraps = append(s.Wraps, e.Wrap)
	}
	return nil
}

func (s *Set) entry(pos uint64) (manifest.Entry, error) {
	return s.log.Decode(pos)
}

// checkHeaders notes what the disks claim; nothing depends on it.
func (s *Set) checkHeaders() {
	seen := map[int]string{}
	nameless := 0 // disks that may be any bay's
	for i, h := range s.set.Headers {
		name := s.set.Disks[i].Name
		switch {
		case h == nil && s.set.Disks[i].Empty():
			s.Warnings = append(s.Warnings, fmt.Sprintf("disk %s: no %s folder in it: no disk of a device; leave it out", name, disk.Root))
		case h == nil:
			if bay := s.place(i); bay < 0 {
				nameless++
			} else if seen[bay] == "" {
				seen[bay] = name
			}
		case h.Scope != s.Scope:
			s.Warnings = append(s.Warnings, fmt.Sprintf("disk %s belongs to job %s, device %s, generation %d; it is not used for this device", name, h.Scope.Job, h.Scope.Device, h.Scope.Generation))
		case seen[h.Bay] != "":
			s.Warnings = append(s.Warnings, fmt.Sprintf("disks %s and %s both say that they are bay %d; every block is checked, so either may serve", seen[h.Bay], name, h.Bay))
		default:
			seen[h.Bay] = name
		}
	}
	var missing []int
	for b := range s.Start.Bays {
		if seen[b] == "" {
			missing = append(missing, b)
		}
	}
	if len(missing) > nameless {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d of %d disks are missing: %s", len(missing)-nameless, s.Start.Bays, disk.BayList(missing)))
	}
}

// Disks are those that the set was opened with.
func (s *Set) Disks() *disk.Set { return s.set }

// Log reads the verified log.
func (s *Set) Log() *manifest.LogReader { return s.log }

// ReopenLog has the log read from the disks again: what was kept of it is forgotten.
func (s *Set) ReopenLog() error {
	log, err := manifest.OpenLog(s.cp, s.set)
	if err != nil {
		return err
	}
	s.log = log
	return nil
}

// OpenJob takes the job file alone from disks of a device that may not be sealed.
func OpenJob(disks []disk.Disk, signer ed25519.PublicKey) (*Set, error) {
	s := &Set{set: disk.NewSet(disks)}
	if err := s.openJob(signer); err != nil {
		return nil, s.set.Fault.Or(err)
	}
	return s, s.set.Fault.Get()
}

// Checkpoint is the verified checkpoint.
func (s *Set) Checkpoint() manifest.Checkpoint { return s.cp }

// Pack returns the entry of a pack.
func (s *Set) Pack(n uint64) (*manifest.Pack, error) {
	if n >= s.End.Packs {
		return nil, fmt.Errorf("%w: pack %d of %d", manifest.ErrCorrupt, n, s.End.Packs)
	}
	return s.packAt(s.End.FirstPack+n, n, false)
}

func (s *Set) IndexPack(n uint64) (*manifest.Pack, error) {
	if n >= s.End.IndexPacks {
		return nil, fmt.Errorf("%w: index pack %d of %d", manifest.ErrCorrupt, n, s.End.IndexPacks)
	}
	return s.packAt(s.End.FirstIndex+n, n, true)
}

func (s *Set) packAt(pos, n uint64, index bool) (*manifest.Pack, error) {
	e, err := s.entry(pos)
	if err != nil {
		return nil, err
	}
	if e.Pack == nil || e.Pack.Number != n || e.Pack.IsIndex() != index {
		return nil, fmt.Errorf("%w: log position %d is not pack %d", manifest.ErrCorrupt, pos, n)
	}
	return e.Pack, nil
}

func (s *Set) Page(n uint64) (*manifest.PageEntry, error) {
	if n >= s.End.Pages {
		return nil, fmt.Errorf("%w: page %d of %d", manifest.ErrCorrupt, n, s.End.Pages)
	}
	e, err := s.entry(s.End.FirstPage + n)
	if err != nil {
		return nil, err
	}
	if e.Page == nil || e.Page.Number != n {
		return nil, fmt.Errorf("%w: log position %d is not page %d", manifest.ErrCorrupt, s.End.FirstPage+n, n)
	}
	return e.Page, nil
}

// CheckKey tells whether k is this device's load key.
func (s *Set) CheckKey(k []byte) error {
	if len(k) != crypto.KeySize || len(s.Wraps) == 0 || manifest.NewKeys(k, s.Scope).Check() != s.Wraps[0].Check {
		return fmt.Errorf("load key: %w", crypto.ErrKey)
	}
	return nil
}

// OpenWithSite unwraps the load key with the site's key.
func (s *Set) OpenWithSite(site *crypto.SiteKey) ([]byte, error) {
	id := crypto.SiteKeyID(site.PublicKey())
	var errs []error
	for _, e := range s.Wraps {
		if e.Kind != manifest.WrapHPKE || len(e.Recipients) != 1 || e.Recipients[0] != id {
			continue
		}
		k, err := s.openWrap(e, site)
		if err == nil {
			return k, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, fmt.Errorf("site key %x…: %w: this device is not wrapped to it", id[:4], crypto.ErrKey))
	}
	return nil, errors.Join(errs...)
}

func (s *Set) openWrap(e *manifest.WrapEntry, site *crypto.SiteKey) ([]byte, error) {
	b, err := Wrap(s.set, e)
	if err != nil {
		return nil, fmt.Errorf("wrap to the site (a recovery identity opens the device, too): %w", err)
	}
	w, err := manifest.DecodeWrap(b)
	if err != nil {
		return nil, err
	}
	k, err := site.Unwrap(w.Body, s.Scope.Binding())
	if err != nil {
		return nil, err
	}
	return k, s.CheckKey(k)
}

// OpenWithRecovery unwraps the load key with an age identity file.
func (s *Set) OpenWithRecovery(identity string) ([]byte, error) {
	err := fmt.Errorf("recovery: %w: this device has no recovery wrap", crypto.ErrKey)
	for _, e := range s.Wraps {
		if e.Kind != manifest.WrapAge {
			continue
		}
		var b, k []byte
		var bound crypto.WrapBinding
		if b, err = Wrap(s.set, e); err != nil {
			continue
		}
		if k, bound, err = crypto.UnwrapAge(identity, b); err != nil {
			continue
		}
		if bound != s.Scope.Binding() {
			err = fmt.Errorf("recovery: %w: the wrap is of another device", crypto.ErrKey)
			continue
		}
		if err = s.CheckKey(k); err == nil {
			return k, nil
		}
	}
	return nil, err
}

func (s *Set) EachPack(f func(*manifest.Pack) error) error {
	for n := range s.End.Packs {
		p, err := s.Pack(n)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
	}
	for n := range s.End.IndexPacks {
		p, err := s.IndexPack(n)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}
