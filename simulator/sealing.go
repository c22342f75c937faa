package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sealAll seals, once for each trouble and then without any; rebuilds what the
// seal asks for; and reads the device back.
func (l *life) sealAll(ctx context.Context) error {
	for _, e := range l.plan.in(sealing) {
		if err := l.sealWith(ctx, e); err != nil {
			return fmt.Errorf("seal, %s: %w", e.What, err)
		}
	}
	if err := l.sealClean(ctx); err != nil {
		return fmt.Errorf("seal without trouble: %w", err)
	}
	if err := l.readBack(ctx); err != nil {
		return fmt.Errorf("sealed: %w", err)
	}
	if err := l.extract(ctx); err != nil {
		return fmt.Errorf("sealed: %w", err)
	}
	return l.verifyDisks(ctx)
}

// seal is one attempt, with what the ledger says has to be done.
func (l *life) seal(ctx context.Context, disks []appliance.Disk) error {
	return l.sealFrom(ctx, l.state, disks)
}

// sealFrom is one with a state folder of its own.
func (l *life) sealFrom(ctx context.Context, state vfs.FS, disks []appliance.Disk) error {
	held, err := firmware.Lock(state, "seal")
	if err != nil {
		return err
	}
	defer held.Close()
	if _, _, recorded := l.ledger.RecordedCheckpoint(l.cfg.Scope.Origin()); recorded {
		cfg := l.cfg
		cfg.Disks = disks
		res, err := appliance.FinishSeal(ctx, cfg, l.ledger, seal.FinishOptions{})
		return l.sealed(res, err)
	}
	d, err := l.open(disks)
	if err != nil {
		return err
	}
	defer d.Close()
	res, err := d.Seal(ctx, seal.Options{WrapUnchecked: true, Incomplete: l.partial, Ledger: l.ledger, DeviceKey: "software key, unprotected"})
	return l.sealed(res, err)
}

// sealed keeps the label: there is one, ever.
func (l *life) sealed(res *seal.Result, err error) error {
	if err != nil || res == nil {
		return err
	}
	if l.label != nil && !bytes.Equal(l.label, res.Label) {
		return fmt.Errorf("%w: two labels for one generation", errForgotten)
	}
	l.label = res.Label
	if l.promises != nil && res.Totals.Records > 0 && res.Totals.Entries() != l.status.Entries+l.status.Skipped {
		return fmt.Errorf("%w: %d entries are sealed, and the device told of %d and %d skipped", errUntold, res.Totals.Entries(), l.status.Entries, l.status.Skipped)
	}
	return nil
}

func (l *life) sealWith(ctx context.Context, e Event) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dice := e.rng()
	n := 1 + dice.Int64N(400)
	var err error
	var excuses []excuse
	switch e.What {
	case SealPowerCut, SealCtrlC:
		p := plug(l.disks, n, func(p *power) {
			l.met[e.What]++
			if e.What == SealCtrlC {
				cancel()
			} else {
				p.cut()
			}
		})
		err = l.seal(ctx, l.set(nil))
		var off bool
		if l.disks, off = p.unplug(dice); off {
			excuses = []excuse{powerIsOff}
		} else if ctx.Err() != nil {
			excuses = []excuse{canceled}
		}
	case SealError:
		bay := dice.IntN(len(l.disks))
		if !l.hurts(bay) {
			return nil
		}
		fired := func() int { return 0 }
		err = l.seal(ctx, l.set(func(i int, m *vfs.Mem) vfs.FS {
			if i != bay {
				return m
			}
			f := vfs.NewFault(m)
			fired = f.Add(vfs.Rule{Op: []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename}[dice.IntN(4)], Nth: 1 + dice.IntN(30), Times: 1000, Err: syscall.EIO})
			return f
		}))
		if fired() > 0 {
			l.met[e.What]++
			l.late = true
		}
	case DoubleSeal:
		err = l.doubled(ctx, e.What, dice, func() error { return l.seal(ctx, l.set(nil)) })
	}
	l.say("%s: %v", e.What, err)
	if err := l.sealSurvived(err, excuses); err != nil {
		return err
	}
	if _, _, recorded := l.ledger.RecordedCheckpoint(l.cfg.Scope.Origin()); !recorded {
		return l.check()
	}
	return nil
}

// sealClean seals, and rebuilds the spoilt disks if the seal wants them whole. Where
// no disk was spoilt it may want nothing.
func (l *life) sealClean(ctx context.Context) error {
	for try := 0; ; try++ {
		err := l.seal(ctx, l.set(nil))
		mend := errors.Is(err, seal.ErrDegraded) || errors.Is(err, seal.ErrAbsent) || wantsRebuild(err) && len(l.hurt) > 0
		if !mend || try > 3 || len(l.hurt) == 0 {
			return err
		}
		l.say("seal: %v", err)
		if err := l.rebuildHurt(ctx); err != nil {
			return err
		}
	}
}

// rebuildHurt puts a new disk into each bay whose disk was spoilt.
func (l *life) rebuildHurt(ctx context.Context) error {
	for _, i := range slices.Sorted(maps.Keys(l.hurt)) {
		bay := i // where it was set up, among all disks
		if header, err := appliance.ReadHeader(appliance.Disk{FS: l.disks[i]}); err == nil {
			bay = header.Bay
		}
		old := l.disks[i]
		l.disks[i] = nil
		onto := l.newDisk()
		rep, err := rebuild.Run(ctx, l.set(nil), rebuild.Options{Signer: l.signerKey(), Bay: bay, Onto: appliance.Disk{Name: "new", FS: onto}, Rand: randomID})
		if err != nil {
			l.disks[i] = old
			return fmt.Errorf("rebuild of %s: %w", diskName(i), err)
		}
		if len(rep.Lost) > 0 {
			return fmt.Errorf("rebuild of %s could not restore %v", diskName(i), rep.Lost)
		}
		l.disks[i] = onto
		delete(l.hurt, i)
		l.say("rebuilt %s, bay %d: %d shards", diskName(i), bay, rep.Shards)
	}
	return nil
}

// reader opens the sealed set as the data centre does.
func (l *life) reader(disks []appliance.Disk) (*appliance.Reader, error) {
	s, err := appliance.OpenSet(disks, l.signerKey(), l.label)
	if err != nil {
		return nil, err
	}
	k, err := s.OpenWithSite(l.site)
	if err != nil {
		return nil, err
	}
	return s.Unlock(k)
}

// readBack reads every entry and holds it against the source, and against what was
// told of it.
func (l *life) readBack(ctx context.Context) error {
	rd, err := l.reader(l.set(nil))
	if err != nil {
		return err
	}
	defer rd.Close()
	got, remarks, attrs := map[string]string{}, map[string]string{}, map[string]string{}
	var sum appliance.Status
	err = rd.Entries(ctx, func(e appliance.Entry) error {
		r := e.Record
		if _, twice := got[r.Path]; twice {
			return fmt.Errorf("two records of %q", r.Path)
		}
		content, err := contentOf(r, func() ([]byte, error) { return readEntry(ctx, rd, r) })
		if err != nil {
			return fmt.Errorf("%q: %w", r.Path, err)
		}
		got[r.Path], remarks[r.Path], attrs[r.Path] = content, r.Remark, attrsText(r.Xattrs)
		sum.Bytes += r.DataLength()
		switch {
		case r.Kind == manifest.KindSkipped:
			sum.Skipped++
			return nil
		case r.Remark != "":
			sum.Remarked++
		}
		sum.Entries++
		return nil
	})
	if err != nil {
		return err
	}
	l.held = got
	if err := l.totals(rd.Totals(), &sum); err != nil || l.promises == nil {
		return err
	}
	if err := l.promises.keep(got, remarks, attrs); err != nil || l.partial {
		return err
	}
	for _, src := range l.sources() {
		if err := src.check(got); err != nil {
			return err
		}
	}
	return nil
}

// totals holds the seal's counts, and what the device told before it, against what
// was read.
func (l *life) totals(t manifest.Totals, read *appliance.Status) error {
	var bad []string
	entries := read.Entries + read.Skipped
	if t.Entries() != entries || t.Skipped != read.Skipped {
		bad = append(bad, fmt.Sprintf("the totals say %d entries, %d of them skipped; %d and %d were read", t.Entries(), t.Skipped, entries, read.Skipped))
	}
	if t.ScanEntries != entries && !l.incomplete || t.ScanEntries <= entries && l.incomplete {
		bad = append(bad, fmt.Sprintf("the scans are said to have found %d entries, %d were read (incomplete: %v)", t.ScanEntries, entries, l.incomplete))
	}
	if s := l.status; l.promises != nil && (s.Entries != read.Entries || s.Skipped != read.Skipped || s.Remarked != read.Remarked || s.Bytes != read.Bytes) {
		bad = append(bad, fmt.Sprintf("told before the seal: %d entries, %d skipped, %d remarks, %d bytes; read: %d, %d, %d, %d", s.Entries, s.Skipped, s.Remarked, s.Bytes, read.Entries, read.Skipped, read.Remarked, read.Bytes))
	}
	return untold(bad)
}

// attrsText is how the model writes extended attributes.
func attrsText(xattrs []manifest.Xattr) string {
	var text strings.Builder
	for _, x := range xattrs {
		fmt.Fprintf(&text, "%s=%q;", x.Name, x.Value)
	}
	return text.String()
}

func readEntry(ctx context.Context, rd *appliance.Reader, r *manifest.Record) ([]byte, error) {
	c, err := rd.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := make([]byte, r.Size)
	if _, err := c.ReadAt(b, 0); err != nil && r.Size > 0 {
		return nil, err
	}
	return b, nil
}

// fsck is the independent verifier's report of the disks that are there.
func (l *life) fsck(ctx context.Context) (*fsck.Report, error) {
	o := fsck.Options{Trust: &fsck.Trust{Key: l.signerKey()}, Label: l.label, Workers: 1}
	for _, d := range l.set(nil) {
		o.Disks = append(o.Disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	return fsck.Disks(ctx, o)
}

// verifyDisks: a device that nobody has spoilt is clean, also one whose disks have
// spoilt what was written, for the seal has read that back; one that lost no more than
// its parity later can be repaired. The independent verifier says so without a key.
func (l *life) verifyDisks(ctx context.Context) error {
	rep, err := l.fsck(ctx)
	if err != nil {
		return err
	}
	worst := fsck.VerdictClean
	if len(l.hurt) > 0 && l.late {
		worst = fsck.VerdictRepairable
	}
	if rep.Verdict > worst || rep.Origin != fsck.OriginProven {
		return fmt.Errorf("verify disks: %v, origin %s, %d disks were spoilt: %v", rep.Verdict, rep.Origin, len(l.hurt), texts(rep.Findings))
	}
	return nil
}

func texts(findings []fsck.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Text)
		if len(all) == 3 {
			break
		}
	}
	return all
}
