package rebuild

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/appliance/tail"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// unsealed is what the disks at hand say of a device that is still being loaded,
// read without a key before anything is written.
type unsealed struct {
	r       *rebuilder
	set     disk.Bays // by bay; nil where a disk is absent
	m       int
	job     *manifest.Job
	key     ed25519.PublicKey
	files   []*foundFile
	packs   []*manifest.Pack // that count, and the index packs of a seal that has begun
	lost    []string
	unread  bool            // a journal that may be whole could not be read
	numbers map[uint64]bool // of packs in files without a header
	want    uint64          // the next pack number

	log  *manifest.LogReader // of a seal that has begun
	cp   manifest.Checkpoint // its size and root, not signed
	plan []byte
}

// foundFile is a frame file, and how much of it is copied.
type foundFile struct {
	*frames.File
	end int64
}

// openUnsealed takes the job from the disks and packs from the journal's clear parts.
func (r *rebuilder) openUnsealed(disks []disk.Disk) error {
	s, err := read.OpenJob(disks, r.o.Signer)
	if err != nil {
		return err
	}
	for _, h := range s.Disks().Headers {
		if h == nil {
			continue
		}
		if r.scope == (manifest.Scope{}) {
			r.scope = h.Scope
		}
		if h.Scope != r.scope || h.Scope.Job != s.Job.ID {
			return fmt.Errorf("%w: the disks are of different jobs, devices or generations", disk.ErrForeign)
		}
	}
	dev, ok := s.Job.Device(r.scope.Device)
	if !ok {
		return fmt.Errorf("%w: job %s does not name device %s", disk.ErrForeign, s.Job.ID, r.scope.Device)
	}
	r.disks, r.bays, r.job = s.Disks(), s.Job.Geometry.Disks, s.JobFile
	r.load = &unsealed{r: r, m: s.Job.Geometry.M, job: s.Job, key: dev.PublicKey.PublicKey, numbers: map[uint64]bool{}}
	if err := errors.Join(r.load.survey(), s.Disks().Fault.Get()); err != nil {
		return s.Disks().Fault.Or(err)
	}
	r.report.Lost = append(r.report.Lost, r.load.lost...)
	r.total = uint64(len(r.load.packs))
	r.each = func(f func(*manifest.Pack) error) error {
		for _, p := range r.load.packs {
			if err := f(p); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// survey reads all frame files and decides what of them is copied.
func (u *unsealed) survey() error {
	if err := u.match(); err != nil {
		return err
	}
	journals, err := frames.Find(u.set, frames.Journal, true)
	if err != nil {
		return err
	}
	lists, err := frames.Find(u.set, frames.ScanList, true)
	if err != nil {
		return err
	}
	if err := u.enough(); err != nil { // with those that could not be listed
		return err
	}
	for i := len(journals) - 1; i >= 0 && journals[i].Headless; i-- {
		if err := u.headless(journals[i]); err != nil {
			return err
		}
	}
	for i, c := range journals {
		if c.Headless {
			break
		}
		if err := u.journal(c, journals[i+1:]); err != nil {
			return fmt.Errorf("journal %s: %w", c.ID, err)
		}
	}
	for _, c := range lists {
		if err := u.list(c); err != nil {
			return fmt.Errorf("scan list %s: %w", c.ID, err)
		}
	}
	return u.findSeal()
}

// match puts the disks into their bays. Journals are only taken from disks whose
// header says that they are this device's.
func (u *unsealed) match() error {
	u.set = make(disk.Bays, u.r.bays)
	for i, h := range u.r.disks.Headers {
		if h == nil || h.Bay >= len(u.set) {
			continue
		}
		fsys := u.r.disks.Disks[i]
		if err := disk.CheckMark(fsys); errors.Is(err, disk.ErrRebuilding) {
			continue // it may lack journals, and gives what shards it has
		} else if disk.OwnFault(err) {
			return err
		}
		if other := u.set[h.Bay]; other != nil {
			return fmt.Errorf("disks %s and %s: %w: both are bay %d", other.Disk.Name, fsys.Name, disk.ErrForeign, h.Bay)
		}
		u.set[h.Bay] = disk.NewBay(h.Bay, fsys, h.Disk)
	}
	return u.enough()
}

// enough counts the other disks: every journal must be on one of them, as when the
// device is opened.
func (u *unsealed) enough() error {
	have, least := len(u.set.Healthy()), len(u.set)-u.m
	if have >= least {
		return nil
	}
	err := fmt.Errorf("%w: a device that is not sealed is rebuilt from %d of its %d disks, or journals could be missing; %d are here, missing: %s",
		disk.ErrTooFewDisks, least, len(u.set), have, disk.BayList(u.set.Missing()))
	return errors.Join(append([]error{err}, u.set.Errors()...)...)
}

func (u *unsealed) lose(format string, args ...any) {
	u.lost = append(u.lost, fmt.Sprintf(format, args...))
}

// journal takes a file's packs, names its damaged frames, and decides whether its
// last one counts.
func (u *unsealed) journal(c *frames.File, later []*frames.File) error {
	copies, err := c.Open(true)
	if err != nil {
		return err
	}
	defer copies.Close()
	var held frames.Part
	seq, before, faults := 0, 0, 0
	end, err := copies.EachPart(0, true, func(p frames.Part) error {
		if !p.Whole {
			u.lose("journal %s: frame %d (%d bytes from %d) is whole on no disk at hand, and more follow", c.ID, seq, p.Size, p.At)
		}
		if seq > 0 {
			if err := u.take(held); err != nil {
				return err
			}
		}
		held = p
		before, faults = copies.Faults, copies.Faults-before
		seq++
		return nil
	})
	if err != nil {
		return err
	}
	if seq > 0 {
		counts, err := u.counts(c, held, faults, later)
		if err != nil {
			return err
		}
		if !counts {
			u.files = append(u.files, &foundFile{c, held.At})
			return nil
		}
		if err := u.take(held); err != nil {
			return err
		}
	}
	return u.tail(c, copies, end)
}

// tail ends a file behind its last whole frame. What follows was never
// acknowledged, unless no disk could be asked for it.
func (u *unsealed) tail(c *frames.File, copies *frames.Copies, end int64) error {
	size, err := copies.Size()
	if err != nil {
		return err
	}
	silent, err := copies.Silent(end)
	if err != nil {
		return err
	}
	switch {
	case copies.None():
		u.unread = true
		u.lose("journal %s: no disk at hand can read it", c.ID)
	case silent:
		u.unread = true
		u.lose("journal %s: what stands behind byte %d cannot be read", c.ID, end)
		end = size
	case c.Unread > 0 && c.Unread+len(u.set.Missing()) > u.m:
		u.unread = true
		u.lose("journal %s: it may go on behind byte %d on a disk that cannot read it", c.ID, end)
	}
	u.files = append(u.files, &foundFile{c, end})
	return nil
}

func (u *unsealed) counts(c *frames.File, last frames.Part, faults int, later []*frames.File) (bool, error) {
	l := tail.Frame{Copies: last.Copies, Unread: c.Unread + faults, Entry: u.entry(last.Raw)} // damage is never the last part
	if l.Entry != nil && l.Copies <= u.m {
		var err error
		if l.Next, err = tail.FirstPack(later, true, u.entry); err != nil {
			return false, err
		}
	}
	return l.Counts(u.set, u.m)
}

func (u *unsealed) entry(raw []byte) *manifest.Pack { return journal.Pack(raw, u.r.scope, u.key) }

// take notes the pack of a frame that counts. Numbers have no gap: where there is
// one, a frame is whole nowhere.
func (u *unsealed) take(part frames.Part) error {
	if !part.Whole {
		return nil
	}
	p := u.entry(part.Raw)
	if p == nil {
		return nil
	}
	if p.Number < u.want {
		return fmt.Errorf("%w: two packs have the number %d", manifest.ErrCorrupt, p.Number)
	}
	for ; u.want < p.Number; u.want++ {
		if !u.numbers[u.want] {
			u.lose("pack %d: its journal frame is whole on no disk at hand", u.want)
		}
	}
	u.want++
	u.packs = append(u.packs, p)
	return nil
}

// headless takes the packs of a file whose place among the others is not known. It
// is copied as it is, to the last byte.
func (u *unsealed) headless(c *frames.File) error {
	u.lose("journal %s: no disk at hand has a readable header of it", c.ID)
	copies, err := c.Open(true)
	if err != nil {
		return err
	}
	defer copies.Close()
	u.unread = u.unread || copies.None()
	if _, err := copies.EachPart(0, false, func(p frames.Part) error {
		if !p.Whole {
			return nil
		}
		if e := u.entry(p.Raw); e != nil {
			u.numbers[e.Number] = true
			u.packs = append(u.packs, e)
		}
		return nil
	}); err != nil {
		return err
	}
	end, err := copies.Size()
	u.files = append(u.files, &foundFile{c, end})
	return err
}

// list copies a scan list as far as it goes. Nothing that is on the device depends
// on it: where it is damaged, the source is scanned again.
func (u *unsealed) list(c *frames.File) error {
	copies, err := c.Open(true)
	if err != nil {
		return err
	}
	defer copies.Close()
	end, err := copies.EachPart(0, false, func(frames.Part) error { return nil })
	u.files = append(u.files, &foundFile{c, end})
	return err
}

// unsealedRest copies journals, scan lists and wraps of a device that is still
// being loaded.
func (r *rebuilder) unsealedRest() error {
	if err := r.frameFiles(); err != nil {
		return err
	}
	if err := r.begunSeal(); err != nil {
		return err
	}
	wraps, err := r.wraps()
	if err != nil {
		return err
	}
	for name, b := range wraps {
		if err := durable.WriteFile(r.o.Onto.FS, disk.WrapsDir+"/"+name, b); err != nil {
			return err
		}
	}
	if err := removeTemps(r.o.Onto.FS); err != nil {
		return err
	}
	// The unlock wrap is last: a disk that has one counts as prepared. Its bytes
	// are the same on every disk.
	for _, b := range r.disks.Copies(disk.UnlockName, 0, manifest.MaxWrap) {
		if w, err := manifest.DecodeWrap(b); err == nil && w.Kind == manifest.WrapUnlock && w.Scope == r.scope {
			return durable.WriteFile(r.o.Onto.FS, disk.UnlockName, b)
		}
	}
	return r.disks.Fault.Or(fmt.Errorf("%w: no disk has the unlock wrap", disk.ErrLost))
}

// wraps are those that the disks with an unlock wrap agree on, and more where they do
// not. Others may have some of a first unlock that was cut off: their key was never used.
func (r *rebuilder) wraps() (map[string][]byte, error) {
	vote := wraps.NewVote(&wraps.Job{Job: r.load.job, Scope: r.scope})
	for _, d := range r.disks.Disks {
		if _, err := d.FS.Stat(disk.UnlockName); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		have, err := wraps.Read(d.FS)
		if disk.OwnFault(err) {
			return nil, fmt.Errorf("disk %s: %w", d.Name, err)
		}
		vote.Add(have)
	}
	wraps, _ := vote.Chosen() // what no disk has the seal tells
	return wraps, nil
}

// frameFiles writes the journals and scan lists, each frame from whichever disk has
// it whole, each at its place. A damaged run stays as one disk has it.
func (r *rebuilder) frameFiles() error {
	for _, f := range r.load.files {
		if err := r.frameFile(f); err != nil {
			return fmt.Errorf("%s %s: %w", f.Kind.Purpose(), f.ID, err)
		}
	}
	return nil
}

func (r *rebuilder) frameFile(f *foundFile) error {
	copies, err := f.Open(true)
	if err != nil {
		return err
	}
	defer copies.Close()
	if copies.None() {
		return nil // it is named as lost
	}
	header := frames.Header(f.Kind, f.ID, f.Ordinal)
	if f.Headless { // as a disk has it: a good one would give the file a place
		if err := copies.Header(header); err != nil {
			return err
		}
	}
	return frames.WriteFile(r.o.Onto.FS, f.Name, header, func(put func(frames.Part) error) error {
		if f.end <= frames.HeaderSize {
			return nil
		}
		_, err := copies.EachPart(f.end, false, put)
		return err
	})
}
