package simulator

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// carryAll ships the device. What the carrier does stays within the parity, or is
// counted as too much.
func (l *life) carryAll(ctx context.Context) error {
	for _, e := range l.plan.in(carrying) {
		if err := l.carryWith(ctx, e); err != nil {
			return fmt.Errorf("carry, %s: %w", e.What, err)
		}
	}
	rep, err := l.fsck(ctx)
	if err != nil {
		return err
	}
	// The verifier and the reader are strangers; they must agree.
	want := fsck.VerdictRepairable
	if l.lost {
		want = fsck.VerdictLost
	}
	if rep.Verdict > want || l.lost && rep.Verdict < want {
		return fmt.Errorf("verify disks after the carrier: %v, want %v: %v", rep.Verdict, want, texts(rep.Findings))
	}
	if l.lost {
		return nil
	}
	if err := l.readBack(ctx); err != nil {
		return fmt.Errorf("read after the carrier: %w", err)
	}
	return nil
}

func (l *life) carryWith(ctx context.Context, e Event) error {
	dice := e.rng()
	c := &Carrier{Seed: e.Dice}
	switch e.What {
	case ForeignDisk:
		return l.foreignDisk(dice)
	case StaleDisk:
		return l.staleDisk(ctx, dice)
	case OtherLabel:
		return l.otherLabel(dice)
	case DisksLost:
		for range 1 + dice.IntN(l.cfg.Job.Geometry.M) {
			if bay := dice.IntN(len(l.disks)); l.disks[bay] != nil && l.hurts(bay) {
				l.disks[bay] = nil
				l.met[e.What]++
			}
		}
	case BlocksRot, BlocksSwapped, ShardCut, TooMuchRots:
		return l.spoilPacks(c, e.What, dice)
	case SealedRebuildCut:
		return l.sealedRebuildCut(ctx, dice)
	case LogRots:
		return l.rotLogs(c, dice)
	}
	return nil
}

// packs are those on the disks that are there.
func (l *life) packs() ([]Pack, error) {
	var disks []*Disk
	for i, m := range l.disks {
		if m != nil {
			disks = append(disks, l.carried(i))
		}
	}
	return Packs(disks)
}

// carried is a disk as the carrier holds it.
func (l *life) carried(i int) *Disk { return NewDisk(diskName(i), l.disks[i]) }

// spoilPacks damages blocks of some packs on any disks. Every stripe keeps what it
// needs: disks that are spoilt already take from the same m. TooMuchRots takes one
// block more in one stripe of one pack.
func (l *life) spoilPacks(c *Carrier, what Trouble, dice *rand.Rand) error {
	packs, err := l.packs()
	if err != nil || len(packs) == 0 || l.rotten > 0 || l.lost {
		return err // two lots of rot may meet in one stripe
	}
	g := l.cfg.Job.Geometry
	budget := g.M - len(l.hurt)
	if what == TooMuchRots {
		l.met[what]++
		l.lost = true
		p := packs[dice.IntN(len(packs))]
		disks := l.shuffled(dice, p, true)
		return l.rotStripe(c, p, dice.IntN(p.Stripes(int64(g.BlockSize))), disks[:min(g.M+1, len(disks))])
	}
	if budget == 0 {
		return nil
	}
	l.met[what]++
	l.rotten = 1 + dice.IntN(budget)
	for _, p := range packs {
		if dice.IntN(3) == 0 {
			continue
		}
		if err := l.spoilPack(c, what, dice, p); err != nil && !errors.Is(err, ErrNoDamage) {
			return err
		}
	}
	return nil
}

// spoilPack damages up to l.rotten blocks of each stripe of a pack.
func (l *life) spoilPack(c *Carrier, what Trouble, dice *rand.Rand, p Pack) error {
	g := l.cfg.Job.Geometry
	stripes := p.Stripes(int64(g.BlockSize))
	disks := l.shuffled(dice, p, false)[:l.rotten]
	switch {
	case what == ShardCut:
		for _, i := range disks {
			if _, err := c.Truncate(l.carried(i), p.Shards[diskName(i)].File, dice.Int64N(p.Size)); err != nil {
				return err
			}
		}
		return nil
	case what == BlocksSwapped && stripes > 2:
		a := dice.IntN(stripes - 2)
		_, err := c.SwapBlocks(l.carried(disks[0]), p.Shards[diskName(disks[0])].File, int64(g.BlockSize), a, a+1)
		return err
	}
	for s := range stripes {
		if dice.IntN(4) > 0 {
			continue
		}
		if err := l.rotStripe(c, p, s, l.shuffled(dice, p, false)[:1+dice.IntN(l.rotten)]); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) rotStripe(c *Carrier, p Pack, stripe int, disks []int) error {
	for _, i := range disks {
		if _, err := c.RotBlocks(l.carried(i), p.Shards[diskName(i)].File, int64(l.cfg.Job.Geometry.BlockSize), []int{stripe}); err != nil {
			return err
		}
	}
	return nil
}

// shuffled are the disks of a pack in any order, those that are spoilt already only if
// asked for.
func (l *life) shuffled(dice *rand.Rand, p Pack, spoilt bool) (disks []int) {
	for i := range l.disks {
		if _, ok := p.Shards[diskName(i)]; ok && (spoilt || !l.hurt[i]) {
			disks = append(disks, i)
		}
	}
	dice.Shuffle(len(disks), func(a, b int) { disks[a], disks[b] = disks[b], disks[a] })
	return disks
}

// rotLogs spoils public files on at most m disks.
func (l *life) rotLogs(c *Carrier, dice *rand.Rand) error {
	for range 1 + dice.IntN(l.cfg.Job.Geometry.M) {
		bay := dice.IntN(len(l.disks))
		if l.disks[bay] == nil || !l.hurts(bay) {
			continue
		}
		err := vfs.Walk(l.disks[bay], appliance.Root, vfs.Limits{}, func(name string, e fs.DirEntry) error {
			public := strings.Contains(name, "/log/") || path.Base(name) == "job.dsse" || path.Base(name) == "disk.header" || path.Base(name) == "seal.dsse"
			if !e.Type().IsRegular() || !public || dice.IntN(2) == 0 {
				return nil
			}
			info, err := e.Info()
			if err != nil || info.Size() == 0 {
				return err
			}
			l.met[LogRots]++
			_, err = c.FlipBits(l.carried(bay), name, dice.Int64N(info.Size()), 1)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// foreignDisk puts a disk of another device among them. It must be refused by
// name; then the operator takes it out.
func (l *life) foreignDisk(dice *rand.Rand) error {
	other, err := strangerDisk(dice)
	if err != nil {
		return err
	}
	l.met[ForeignDisk]++
	set, err := appliance.OpenSet(append(l.set(nil), appliance.Disk{Name: "stranger", FS: other}), l.signerKey(), l.label)
	if err == nil && len(set.Warnings) == 0 {
		return errors.New("another job's disk went unnoticed")
	}
	if err != nil && !errors.Is(err, appliance.ErrForeign) {
		return fmt.Errorf("another job's disk: %w", err)
	}
	return nil
}

// strangerDisk is a disk of another job, just unlocked.
func strangerDisk(dice *rand.Rand) (vfs.FS, error) {
	other := newLife(Plan{Seed: dice.Uint64()})
	if err := other.begin(context.Background()); err != nil {
		return nil, err
	}
	cfg := other.cfg
	cfg.Disks = other.set(nil)
	if _, err := appliance.Prepare(cfg, other.code); err != nil {
		return nil, err
	}
	return other.disks[dice.IntN(len(other.disks))], nil
}

// staleDisk brings back one disk as it was when nothing had been loaded: it must
// do no harm.
func (l *life) staleDisk(_ context.Context, dice *rand.Rand) error {
	bay := dice.IntN(len(l.disks))
	if l.disks[bay] == nil || !l.hurts(bay) {
		return nil
	}
	header, err := vfs.ReadFile(l.disks[bay], appliance.Root+"/disk.header", 1<<20)
	if err != nil {
		return err
	}
	job, err := vfs.ReadFile(l.disks[bay], appliance.Root+"/job.dsse", 1<<20)
	if err != nil {
		return err
	}
	old := l.newDisk()
	if err := old.Mkdir(appliance.Root, 0); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"disk.header": header, "job.dsse": job} {
		f, err := old.Create(appliance.Root+"/"+name, vfs.CreateOptions{})
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(data, 0); err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	l.disks[bay] = old
	l.met[StaleDisk]++
	return nil
}

// otherLabel opens the set with a label that is not its own.
func (l *life) otherLabel(dice *rand.Rand) error {
	l.met[OtherLabel]++
	label := slices.Clone(l.label)
	for {
		i := dice.IntN(len(label))
		if label[i] >= '0' && label[i] <= '9' {
			label[i] = '0' + (label[i]-'0'+1)%10
			break
		}
	}
	if _, err := appliance.OpenSet(l.set(nil), l.signerKey(), label); err == nil {
		return errors.New("another label was taken")
	}
	stranger := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	if _, err := appliance.OpenSet(l.set(nil), stranger, l.label); err == nil {
		return errors.New("another signer's key was taken")
	}
	return nil
}

func randomID() (id manifest.ID, err error) {
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	return id, nil
}
