package disks

import (
	"cmp"
	"context"
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// maxJournals bounds the journal files of one device that are looked at.
const maxJournals = 1 << 16

func (v *Check) journalNames() ([]string, error) {
	var names []string
	for _, d := range v.use {
		err := disk.EachEntry(d.Fsys, "journal", func(e fs.DirEntry) error {
			base, ok := strings.CutSuffix(e.Name(), ".journal")
			if scan, isScan := strings.CutSuffix(e.Name(), ".scan"); isScan && len(scan) == 32 && wire.LowerHex(scan) {
				return nil
			}
			if !ok || len(base) != 32 || !wire.LowerHex(base) {
				v.nameUnknown(d, "journal/"+e.Name())
			} else if len(names) < maxJournals && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
			return nil
		})
		if err != nil {
			v.f.Add(findings.Repairable, "journal-copy-bad", findings.OnDisk(d), findings.HintRebuild, "journal: %v", err)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, v.refuse("journal-missing", findings.Nowhere(), "", "no disk has a checkpoint or a journal: there is nothing to verify")
	}
	return names, nil
}

// journalWalk gives the packs of all journal files, as far as their frames count.
type journalWalk struct {
	v     *Check
	files []*journalFile
}

// journalFile is one journal: its place among the others, and which frame may not count.
type journalFile struct {
	name      string
	headless  bool // no copy has a good header
	ordinal   uint64
	first     *wire.PackEntry // nil: it has none
	last      lastFrame
	uncounted bool // the last frame does not count
}

// newJournalWalk puts the files into order and decides of each whether its last frame counts.
func (v *Check) newJournalWalk(ctx context.Context, names []string) (*journalWalk, error) {
	j := &journalWalk{v: v}
	for _, name := range names {
		f := &journalFile{name: name}
		if err := f.look(ctx, v.aside()); err != nil {
			return nil, err
		}
		j.files = append(j.files, f)
	}
	slices.SortStableFunc(j.files, func(a, b *journalFile) int { return cmp.Compare(a.ordinal, b.ordinal) })
	for i, f := range j.files {
		if err := j.decide(ctx, f, j.files[i+1:]); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// aside is a verifier of the same disks whose findings nobody sees.
func (v *Check) aside() *Check {
	return &Check{o: v.o, f: findings.New(), own: v.own, report: &findings.Report{}, use: v.use, who: v.who, key: v.key, job: v.job,
		bays: v.bays, missing: make([]bool, wire.MaxBays)}
}

// walk names findings only if told to: it is run more than once.
func (j *journalWalk) walk(ctx context.Context, name bool, fn func(*wire.PackEntry) error) error {
	v := j.v
	if !name {
		v = v.aside()
	}
	for _, f := range j.files {
		if err := f.walk(ctx, v, fn); err != nil {
			return err
		}
	}
	return nil
}

func (f *journalFile) walk(ctx context.Context, v *Check, fn func(*wire.PackEntry) error) error {
	c := v.openJournal(f.name)
	defer c.close()
	switch {
	case c.readHeader():
	case c.used():
		v.f.Add(findings.Lost, "journal-lost", findings.Nowhere(), "", "journal/%s: no copy has a good header", f.name)
		return nil
	default:
		v.f.Add(findings.Note, "journal-tail", findings.Nowhere(), "", "journal/%s: no copy has a header, and none a frame: it was never used", f.name)
		return nil
	}
	if f.uncounted {
		c.until = f.last.at
	}
	err := c.walk(func(fr journalFrame) error {
		if err := ctx.Err(); err != nil || len(fr.clear) == 0 {
			return err
		}
		p, err := v.committed(fr.clear)
		if err != nil {
			v.f.Add(findings.Fatal, "pack-entry-bad", findings.Nowhere(), findings.HintRefuse, "journal/%s: %v", f.name, err)
			return nil
		}
		return fn(p)
	})
	if n := c.whole(); err == nil && n < v.job.M+1 {
		v.f.Add(findings.Repairable, "journal-copies", findings.Nowhere(), findings.HintRebuild, "journal/%s: %d whole copies, there should be %d", f.name, n, v.job.M+1)
	}
	return err
}

// committed proves a pack's entry by the device's signature.
func (v *Check) committed(clear []byte) (*wire.PackEntry, error) {
	raw, sig, err := parseClear(clear)
	if err != nil {
		return nil, err
	}
	msg := append(slices.Concat(v.who.Job[:], v.who.Device[:]), binary.BigEndian.AppendUint32(nil, uint32(v.who.Generation))...)
	if !wire.VerifyContext(v.key, "pack entry", append(msg, raw...), sig) {
		return nil, wire.ErrSignature
	}
	e, err := wire.ParseEntry(raw)
	if err != nil {
		return nil, err
	}
	if e.Kind != wire.PackKind {
		return nil, wire.ErrMalformed
	}
	for _, bay := range e.Pack.Bays {
		if int(bay) >= v.job.Disks {
			return nil, wire.ErrMalformed
		}
	}
	return e.Pack, nil
}
