package rebuild

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Options say which bay is written again, onto which disk.
type Options struct {
	Signer   ed25519.PublicKey // job signer; nil: consistent only
	Bay      int               // −1: the one that is missing
	Onto     disk.Disk         // empty, or begun by an earlier call
	Allowed  disk.Allowed      // what may pass as the new disk
	Progress func(done, total uint64)
	Rand     func() (manifest.ID, error)
	Ledger   disk.Ledger                                // the device's, where it is at hand: knows the disks of a seal that has begun
	Taken    func(of manifest.Scope, sealed bool) error // called when the disks have passed, before the new one is written; nil is none
}

// ErrWhichBay: not exactly one bay is missing, so it must be named.
var ErrWhichBay = errors.New("say which bay is to be rebuilt; missing")

// Report is what was written.
type Report struct {
	Bay    int      `json:"bay"`
	Packs  uint64   `json:"packs"`
	Shards uint64   `json:"shards"`
	Bytes  int64    `json:"bytes"`
	Lost   []string `json:"lost"` // shards, journal frames and public files that could not be restored
}

// Run writes a bay's shards again, onto a new disk, without any key: from
// any k good blocks of each stripe, proven against the signed hashes. It works
// on a sealed device and, from the journal's signed entries, on an unsealed one.
// A repeated call goes on: shards that are there and verify are kept. Disks that
// another command loads, seals or rebuilds are ErrBusy. Of an unsealed device, a disk
// stays marked as unfinished while a journal that others may have whole cannot be read:
// it would stand for what it lacks.
func Run(ctx context.Context, disks []disk.Disk, o Options) (*Report, error) {
	if _, err := disk.CheckNewDisk(o.Onto, disks, o.Allowed); err != nil {
		return nil, err
	}
	onto, err := disk.Lock([]disk.Disk{o.Onto})
	if err != nil {
		return nil, err
	}
	defer onto.Release()
	held, err := disk.Lock(disks)
	if err != nil {
		return nil, err
	}
	sealed, err := disk.CheckSealed(disks)
	if err != nil || sealed { // final: several bays may be rebuilt from it at once
		held.Release()
	} else {
		defer held.Release()
	}
	if err != nil {
		return nil, err
	}
	r := &rebuilder{o: o, report: &Report{Bay: o.Bay}}
	if err := r.open(ctx, disks, sealed); err != nil {
		return nil, err
	}
	if err := r.header(); err != nil {
		return nil, err
	}
	if err := r.packs(ctx); err != nil {
		return r.report, err
	}
	if err := r.rest(); err != nil {
		return r.report, err
	}
	if r.load != nil && r.load.unread {
		return r.report, fmt.Errorf("%w: disk %s is no member of the device before every journal has been read: repeat the rebuild when all disks answer; first: %s", disk.ErrLost, o.Onto.Name, r.report.Lost[0])
	}
	if err := disk.ClearMark(o.Onto.FS); err != nil {
		return r.report, err
	}
	if len(r.report.Lost) > 0 {
		return r.report, fmt.Errorf("%w: %s could not be restored, first: %s", disk.ErrLost, words.Count(len(r.report.Lost), "thing", "things"), r.report.Lost[0])
	}
	return r.report, nil
}

type rebuilder struct {
	o      Options
	report *Report
	disks  *disk.Set
	member bool // the disk that is written to is among them
	scope  manifest.Scope
	bays   int
	job    []byte    // the verified job file
	sealed *read.Set // nil: the device is still being loaded
	load   *unsealed
	total  uint64
	each   func(func(*manifest.Pack) error) error
}

// open finds out what the disks are and which bay is missing.
func (r *rebuilder) open(ctx context.Context, disks []disk.Disk, sealed bool) error {
	if sealed {
		s, err := read.OpenSetContext(ctx, disks, r.o.Signer, nil)
		if err == nil {
			err = s.CheckChain(ctx, r.o.Signer, nil)
		}
		if err != nil {
			return err
		}
		r.disks, r.scope, r.bays, r.total = s.Disks(), s.Scope, s.Start.Bays, s.End.Packs+s.End.IndexPacks
		r.job, r.sealed = s.JobFile, s
		r.each = s.EachPack
	} else if err := r.openUnsealed(disks); err != nil {
		return err
	}
	return r.chooseBay()
}

// chooseBay takes the bay that was named or is missing. A disk whose own rebuild was cut
// off gives what shards it has, and its bay is missing.
func (r *rebuilder) chooseBay() error {
	have := map[int]bool{}
	for i, h := range r.disks.Headers {
		if h == nil || h.Scope != r.scope {
			continue
		}
		err := disk.CheckMark(r.disks.Disks[i])
		if disk.OwnFault(err) {
			return err
		}
		if !errors.Is(err, disk.ErrRebuilding) {
			have[r.disks.Bays[i]] = true
		}
	}
	if r.o.Bay >= 0 {
		if r.o.Bay >= r.bays {
			return fmt.Errorf("bay %d: %w: bays 0 to %d", r.o.Bay, disk.ErrNoBay, r.bays-1)
		}
		if have[r.o.Bay] {
			return fmt.Errorf("bay %d is not missing: %w", r.o.Bay, disk.ErrBayHere)
		}
		r.report.Bay = r.o.Bay
		return nil
	}
	var missing []int
	for b := range r.bays {
		if !have[b] {
			missing = append(missing, b)
		}
	}
	if len(missing) == 0 {
		return fmt.Errorf("no bay is missing: %w", disk.ErrBayHere)
	}
	if len(missing) != 1 {
		return fmt.Errorf("%w: %s", ErrWhichBay, disk.BayList(missing))
	}
	r.report.Bay = missing[0]
	return nil
}

// header claims the new disk. A disk that belongs to anything else is refused.
func (r *rebuilder) header() error {
	h, err := disk.ReadHeader(r.o.Onto)
	switch {
	case err == nil && (h.Scope != r.scope || h.Bay != r.report.Bay):
		return fmt.Errorf("disk %s: %w: it is bay %d of job %s; nothing was overwritten", r.o.Onto.Name, disk.ErrForeign, h.Bay, h.Scope.Job)
	case err == nil: // begun by an earlier call, or rebuilt in place
		return r.again(h)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if !unused(r.o.Onto.FS) {
		return fmt.Errorf("disk %s: %w: it has a folder %q without a header; nothing was overwritten", r.o.Onto.Name, disk.ErrForeign, disk.Root)
	}
	if err := r.taken(); err != nil {
		return err
	}
	for _, dir := range []string{disk.WrapsDir, disk.PacksDir, disk.LogDir, disk.Root + "/statements", disk.JournalDir, disk.TempDir} {
		if err := durable.MkdirAll(r.o.Onto.FS, dir); err != nil {
			return err
		}
	}
	if err := disk.SetMark(r.o.Onto.FS); err != nil {
		return err
	}
	return r.newHeader()
}

func (r *rebuilder) taken() error {
	if r.o.Taken == nil {
		return nil
	}
	return r.o.Taken(r.scope, r.sealed != nil)
}

// unused tells whether a disk without a header holds nothing, or only what a
// rebuild makes before the header.
func unused(fsys vfs.FS) bool {
	err := vfs.Walk(fsys, disk.Root, vfs.Limits{}, func(name string, e fs.DirEntry) error {
		if !e.IsDir() && name != disk.MarkName && !strings.HasSuffix(name, durable.TempSuffix) {
			return fs.ErrExist
		}
		return nil
	})
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

// packs restores the bay's shard of every pack that has one there.
func (r *rebuilder) packs(ctx context.Context) error {
	return r.each(func(p *manifest.Pack) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		r.report.Packs++
		if r.o.Progress != nil {
			r.o.Progress(r.report.Packs, r.total)
		}
		for shard, b := range p.Bays {
			if int(b) != r.report.Bay {
				continue
			}
			err := r.shard(ctx, p, shard)
			if errors.Is(err, disk.ErrLost) {
				r.report.Lost = append(r.report.Lost, err.Error())
				return nil
			}
			return err
		}
		return nil
	})
}

// rest writes what is the same on every disk: nothing is copied that has not been
// verified, for a copy of a damaged file would outlive the good ones. The
// checkpoint is last: it makes the disk a sealed one.
func (r *rebuilder) rest() error {
	onto := r.o.Onto.FS
	if err := durable.WriteFile(onto, disk.JobName, r.job); err != nil {
		return err
	}
	if r.sealed == nil {
		return r.unsealedRest()
	}
	if err := r.sealedWraps(); err != nil {
		return err
	}
	if err := r.statement(); err != nil {
		return err
	}
	if err := r.log(); err != nil {
		return err
	}
	if err := removeTemps(onto); err != nil {
		return err
	}
	if err := durable.WriteFile(onto, disk.CheckpointName, r.sealed.Checkpoint().Text); err != nil {
		return err
	}
	return disk.DestroyKeys(&disk.Bay{Disk: r.o.Onto})
}

// lose names a public file of which no disk has a good copy; the rest goes on.
func (r *rebuilder) lose(format string, args ...any) {
	r.report.Lost = append(r.report.Lost, fmt.Sprintf(format, args...))
}

// sealedWraps writes the wraps that the log names, each proven by its hash.
func (r *rebuilder) sealedWraps() error {
	for _, e := range r.sealed.Wraps {
		b, err := read.Wrap(r.disks, e)
		if err != nil {
			r.lose("%v", err)
			continue
		}
		if err := durable.WriteFile(r.o.Onto.FS, read.WrapName(e), b); err != nil {
			return err
		}
	}
	return nil
}

// statement writes the seal statement that the device signed.
func (r *rebuilder) statement() error {
	dev, _ := r.sealed.Job.Device(r.scope.Device)
	if st := read.FindSeal(r.disks, dev.PublicKey.PublicKey, r.sealed.Checkpoint().Root); st != nil {
		return durable.WriteFile(r.o.Onto.FS, disk.SealName, st.Envelope)
	}
	r.lose("%s: no disk has a copy that the device signed", disk.SealName)
	return nil
}

// log writes the log again from its entries, each proven against the signed root.
func (r *rebuilder) log() error {
	onto := r.o.Onto.FS
	return CopyLog(r.sealed.Log().Entry, r.sealed.Checkpoint(), func(name string, data []byte) error { return disk.WriteLogFile(onto, name, data) })
}

// CopyLog makes the log's files again from its entries and hands them to put.
func CopyLog(entry func(pos uint64) ([]byte, error), cp manifest.Checkpoint, put func(name string, data []byte) error) error {
	w := manifest.NewLogWriter(put)
	for pos := range cp.Size {
		b, err := entry(pos)
		if err != nil {
			return err
		}
		if _, err := w.Append(b); err != nil {
			return err
		}
	}
	size, root, err := w.Finish()
	if err == nil && (size != cp.Size || root != cp.Root) {
		err = fmt.Errorf("%w: the log that was written does not have the root of its checkpoint", manifest.ErrCorrupt)
	}
	return err
}

// removeTemps removes what calls that were cut off have left half written.
func removeTemps(fsys vfs.FS) error {
	dirs := map[string]bool{}
	err := vfs.Walk(fsys, disk.Root, vfs.Limits{Entries: 1 << 24}, func(name string, e fs.DirEntry) error {
		if !e.IsDir() && strings.HasSuffix(name, durable.TempSuffix) {
			dirs[path.Dir(name)] = true
		}
		return nil
	})
	for dir := range dirs {
		if err == nil {
			err = durable.Sweep(fsys, dir)
		}
	}
	return err
}
