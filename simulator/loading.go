package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// loadAll unlocks and loads, once for each trouble and then without any until the
// source has been taken whole.
func (l *life) loadAll(ctx context.Context) error {
	for _, e := range l.plan.in(loading) {
		if err := l.loadWith(ctx, e); err != nil {
			return fmt.Errorf("load, %s: %w", e.What, err)
		}
	}
	if err := l.loadClean(ctx); err != nil {
		return fmt.Errorf("load without trouble: %w", err)
	}
	return nil
}

// check opens the device without trouble and looks whether everything that was
// acknowledged is there. A disk that lost even its header, because its cache lied,
// has to be put in the place of a failed one first, as the error says.
func (l *life) check() error {
	err := l.opens()
	if wantsRebuild(err) && len(l.hurt) > 0 {
		l.say("refused: %v", err)
		if err := l.rebuildHurt(context.Background()); err != nil {
			if l.promises != nil && len(l.promises.safe) > 0 {
				return err
			}
			for i := range l.hurt { // nothing was loaded yet: an empty disk will do
				l.disks[i] = l.newDisk()
			}
			clear(l.hurt)
		}
		err = l.opens()
	}
	return err
}

// wantsRebuild tells whether a disk was refused that has lost its header or its wrap.
func wantsRebuild(err error) bool {
	return errors.Is(err, appliance.ErrForeign) || errors.Is(err, appliance.ErrRebuilding)
}

func (l *life) opens() error {
	d, err := l.open(l.set(nil))
	if err != nil {
		return err
	}
	return d.Close()
}

// open unlocks the device and looks whether everything that was acknowledged is
// there.
func (l *life) open(disks []appliance.Disk) (*appliance.Device, error) {
	cfg := l.cfg
	cfg.Disks = disks
	k, err := appliance.Prepare(cfg, l.code)
	if err != nil {
		return nil, err
	}
	d, err := appliance.Open(cfg, k)
	if err != nil {
		return nil, err
	}
	l.unlocked = true
	if err := l.kept(d); err != nil {
		d.Close() // the finding counts
		return nil, err
	}
	return d, nil
}

// loadClean loads each source without trouble. A load that goes on with an earlier
// list looks for what is new since, so one call is enough.
func (l *life) loadClean(ctx context.Context) error {
	if l.leave {
		if err := l.leaveUnfinished(ctx); err != nil || l.partial {
			return err
		}
	}
	for _, src := range l.sources() {
		rep, err := l.loadFrom(ctx, l.state, l.set(nil), src)
		if errors.Is(err, appliance.ErrTooFewDisks) && len(l.hurt) > 0 {
			l.say("refused: %v", err)
			if err := l.rebuildHurt(ctx); err != nil {
				return err
			}
			rep, err = l.loadFrom(ctx, l.state, l.set(nil), src)
		}
		if errors.Is(err, appliance.ErrFull) && l.small {
			l.met[SmallDisks]++
			l.say("full: %v", err)
			return l.fullUp()
		}
		if err != nil {
			return err
		}
		here := func(e appliance.SkippedEntry) bool { // an entry of an earlier list may have vanished before
			path := e.Path
			if src.as != "" {
				path = strings.TrimPrefix(path, src.as+"/")
			}
			return !rep.Resumed || src.now[path] != ""
		}
		if slices.ContainsFunc(rep.Skipped, here) && src.fails == nil {
			return fmt.Errorf("%w: %d skipped of a source that is whole: %v", errUntold, rep.SkippedCount, rep.Skipped)
		}
	}
	return nil
}

// fullUp is the end of a load for which there is no room: the device is sealed as it
// is. A load that has committed nothing leaves nothing behind.
func (l *life) fullUp() error {
	if err := l.check(); err != nil {
		return err
	}
	left, err := l.left()
	l.partial, l.incomplete = true, len(left) > 0
	return err
}

// sources are those that are on the device in the end.
func (l *life) sources() []*model { return append([]*model{l.model}, l.others...) }

// loadTroubles are troubles of loading that need nothing else said.
var loadTroubles = map[Trouble]func(*life, context.Context, *rand.Rand) error{
	SourceFails: (*life).sourceFails, SourceGone: (*life).sourceGone, LyingHoles: (*life).lyingHoles, NoDescriptors: (*life).noDescriptors,
	OtherMedium: (*life).otherMedium, SecondSource: (*life).secondSource, KindsFlip: (*life).kindsFlip, ModesChange: (*life).modesChange,
	LinksRotate: (*life).linksRotate, Continued: (*life).continued, Abandoned: (*life).abandoned, RebuildCut: (*life).rebuildCut, AttributesFail: (*life).attributesFail,
}

// loadWith is one session, or some, with a trouble.
func (l *life) loadWith(ctx context.Context, e Event) error {
	dice := e.rng()
	if meet := loadTroubles[e.What]; meet != nil {
		return meet(l, ctx, dice)
	}
	switch e.What {
	case PowerCut, LyingCache, CtrlC:
		return l.loadInterrupted(ctx, e.What, dice)
	case WriteError, SyncError, DiskFull, LostWrite, Misdirected, RotWhileLoad, DiskAbsent, FsyncFull, Forgets:
		return l.loadOnBadDisk(ctx, e.What, dice)
	case ClockBack, ClockForward:
		by := time.Duration(1+dice.IntN(72)) * time.Hour
		if e.What == ClockBack {
			by = -by
		}
		l.clock.Jump(by)
		if dice.IntN(2) == 0 {
			l.model.clock.Jump(-by / 7)
		}
		l.met[e.What]++
		return l.survived(l.loadOnce(ctx, l.set(nil)))
	case FileChanges, FileVanishes, FileFails:
		return l.loadChanging(ctx, e.What, dice)
	case LeftUnfinished:
		l.leave = true
		return nil
	case SmallDisks:
		return nil // begin has made them so
	case WrongCode:
		return l.wrongCode(dice)
	case WrongOrder:
		return l.wrongOrder(ctx)
	case DoubleLoad:
		return l.survived(l.doubled(ctx, e.What, dice, func() error { return l.loadOnce(ctx, l.set(nil)) }))
	}
	return errors.New("not a trouble of loading")
}

func (l *life) loadOnce(ctx context.Context, disks []appliance.Disk) error {
	_, err := l.load(ctx, disks)
	return err
}

// loadInterrupted cuts the power, or presses Ctrl-C, before the nth operation.
func (l *life) loadInterrupted(ctx context.Context, what Trouble, dice *rand.Rand) error {
	n := int64(1) + dice.Int64N(1500)
	var wrap func(i int, m *vfs.Mem) vfs.FS
	if what == LyingCache {
		bay := dice.IntN(len(l.disks))
		if l.disks[bay] == nil || !l.hurts(bay) {
			return nil
		}
		l.late = true
		wrap = func(i int, m *vfs.Mem) vfs.FS {
			if i == bay {
				return vfs.NewFault(m, vfs.Rule{Op: vfs.OpSync, Lost: true}, vfs.Rule{Op: vfs.OpSyncDir, Lost: true})
			}
			return m
		}
	}
	return l.interrupt(ctx, what, n, nil, dice, wrap)
}

// interrupt ends a load of the first source before the nth operation since one of
// which from says so.
func (l *life) interrupt(ctx context.Context, what Trouble, n int64, from func(vfs.Op) bool, dice *rand.Rand, wrap func(int, *vfs.Mem) vfs.FS) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := plug(l.disks, n, func(p *power) {
		l.met[what]++
		if what == CtrlC {
			cancel()
		} else {
			p.cut()
		}
	})
	p.mu.Lock()
	p.from = from
	p.mu.Unlock()
	err := l.loadOnce(ctx, l.set(wrap))
	disks, off := p.unplug(dice)
	l.disks = disks
	l.say("%s before operation %d: %v", what, n, off || ctx.Err() != nil)
	switch {
	case off:
		return l.survived(err, powerIsOff)
	case ctx.Err() != nil:
		return l.survived(err, canceled)
	}
	return l.survived(err)
}

// loadOnBadDisk loads with a disk that fails, lies or is not there. It counts as
// spoilt from then on, until it is rebuilt.
func (l *life) loadOnBadDisk(ctx context.Context, what Trouble, dice *rand.Rand) error {
	bay := dice.IntN(len(l.disks))
	nth := 1 + dice.IntN(40)
	if l.disks[bay] == nil {
		return nil
	}
	if what == DiskAbsent {
		if _, err := appliance.ReadHeader(appliance.Disk{FS: l.disks[bay]}); err != nil {
			return nil // a device is set up with all its disks
		}
	}
	if what != DiskFull && !l.hurts(bay) {
		return nil
	}
	rules := map[Trouble]vfs.Rule{
		WriteError:   {Op: vfs.OpWrite, Nth: nth, Times: 1 + dice.IntN(1000), Err: syscall.EIO},
		SyncError:    {Op: vfs.OpSync, Nth: 1 + nth/4, Err: syscall.EIO},
		DiskFull:     {Op: vfs.OpWrite, AfterBytes: 1 + dice.Int64N(2<<20), Err: syscall.ENOSPC},
		FsyncFull:    {Op: vfs.OpSync, Nth: 1 + nth/4, Err: []error{syscall.ENOSPC, syscall.EDQUOT}[nth%2]},
		LostWrite:    {Op: vfs.OpWrite, Path: "*.shard", Nth: nth, Lost: true},
		Misdirected:  {Op: vfs.OpWrite, Path: "*.shard", Nth: nth, Shift: 4096 << dice.IntN(4)},
		RotWhileLoad: {Op: vfs.OpWrite, Path: "*.shard", Nth: nth, Flip: true},
	}
	if what == Forgets { // of counterfeit capacity: zeros behind its end, or its beginning anew
		rules[what] = vfs.Rule{Op: vfs.OpWrite, AfterBytes: 1 + dice.Int64N(1<<20), Zero: nth%2 == 0, Wrap: nth%2 == 1}
	}
	if what == DiskFull && nth%3 == 0 { // the file system has room for no more files
		rules[what] = vfs.Rule{Op: vfs.OpCreate, Nth: nth, Times: 1000, Err: syscall.ENOSPC}
	}
	first, fired := !l.unlocked, func() int { return 1 }
	disks := l.set(func(i int, m *vfs.Mem) vfs.FS {
		switch {
		case i != bay:
			return m
		case what == DiskAbsent:
			return nil
		}
		f := vfs.NewFault(m)
		fired = f.Add(rules[what])
		return f
	})
	err := l.loadOnce(ctx, disks)
	if fired() > 0 {
		l.met[what]++
	}
	l.say("%s of %s", what, diskName(bay))
	excuses := l.borne(1)
	if first {
		excuses = append(excuses, setUp)
	}
	if what == DiskFull {
		excuses = append(excuses, full)
	}
	return l.survived(err, excuses...)
}

// loadChanging loads a source in which a file changes, goes or fails while it is
// looked at or read.
func (l *life) loadChanging(ctx context.Context, what Trouble, dice *rand.Rand) error {
	files := l.model.files()
	if len(files) == 0 {
		return nil
	}
	path := files[dice.IntN(len(files))]
	size := len(l.model.now[path]) - len("file ")
	if dice.IntN(2) == 0 {
		size += dice.IntN(5000)
	}
	next, nth := randomBytes(dice, size), int64(1+dice.IntN(4))
	var calls, hits atomic.Int64
	l.model.failing(func(c vfs.TreeCall) error {
		if c.Path != path || calls.Add(1) < nth {
			return nil
		}
		switch {
		case what == FileFails && c.Op == vfs.OpRead:
			hits.Add(1)
			return syscall.EIO
		case what == FileFails || hits.Add(1) > 1:
		case what == FileChanges:
			l.model.write(path, next)
		case what == FileVanishes:
			l.model.remove(path)
		}
		return nil
	})
	rep, err := l.load(ctx, l.set(nil))
	l.model.failing(nil)
	if hits.Load() > 0 {
		l.met[what]++
	}
	l.say("%s: %q at call %d", what, path, nth)
	if err == nil && rep.SkippedCount > 1 {
		return fmt.Errorf("%w: one bad file, and %d were skipped: %v", errUntold, rep.SkippedCount, rep.Skipped)
	}
	return l.survived(err)
}

func (l *life) wrongCode(dice *rand.Rand) error {
	if !l.begun() {
		return nil // the caller compares the code with the job file before it prepares anything
	}
	code := slices.Clone(l.code)
	code[dice.IntN(len(code))] ^= 1 << dice.IntN(8)
	cfg := l.cfg
	cfg.Disks = l.set(nil)
	l.met[WrongCode]++
	if _, err := appliance.Prepare(cfg, code); err == nil {
		return errors.New("a wrong code was taken")
	}
	return l.check()
}

// begun tells whether a disk has been set up.
func (l *life) begun() bool {
	for _, d := range l.set(nil) {
		if _, err := appliance.ReadHeader(d); err == nil {
			return true
		}
	}
	return false
}

// wrongOrder receives and imports before the seal.
func (l *life) wrongOrder(context.Context) error {
	l.met[WrongOrder]++
	if _, err := appliance.OpenSet(l.set(nil), l.signerKey(), nil); err == nil {
		return errors.New("a device that is not sealed was opened for reading")
	}
	if l.begun() {
		return l.check()
	}
	return nil
}

// contentOf is how the model calls what a record says; read gives a file's bytes.
func contentOf(r *manifest.Record, read func() ([]byte, error)) (string, error) {
	switch r.Kind {
	case manifest.KindDir:
		return "dir", nil
	case manifest.KindSymlink:
		return "link " + r.Target, nil
	case manifest.KindSkipped:
		return "skipped " + r.Reason, nil
	}
	b, err := read()
	var text strings.Builder
	text.WriteString("file ")
	text.Write(b)
	return text.String(), err
}
