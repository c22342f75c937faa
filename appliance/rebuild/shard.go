package rebuild

import (
	"context"
	"errors"
	"io/fs"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Shard makes a shard of a member of the set again from the others, unless it is there
// and good.
func Shard(ctx context.Context, set *disk.Set, b *disk.Bay, p *manifest.Pack, shard int) error {
	r := &rebuilder{o: Options{Onto: b.Disk}, report: &Report{Bay: b.Number}, disks: set, member: true}
	return r.shard(ctx, p, shard)
}

// shard writes a pack's shard, its hash list and its piece onto the new disk.
func (r *rebuilder) shard(ctx context.Context, p *manifest.Pack, shard int) error {
	pr, err := pack.NewReader(r.disks, p, &pack.Repairs{})
	if err != nil {
		return err
	}
	defer pr.Close()
	list, err := pr.Proven()
	if err != nil {
		return err
	}
	code, err := r.disks.Code(p.Geometry)
	if err != nil {
		return err
	}
	fsys := r.o.Onto.FS
	bad := pack.VerifyShard(fsys, p, shard, list)
	if disk.OwnFault(bad) { // nothing is known of the shard
		return bad
	}
	if bad == nil {
		return pack.SideFiles(fsys, p, shard, code, list)
	}
	if err := durable.MkdirAll(fsys, disk.PackDir(p.ID)); err != nil {
		return err
	}
	err = r.replaceShard(ctx, pr, shard)
	if _, serr := fsys.Stat(disk.ShardName(p.ID, shard)); disk.IsFull(err) && serr == nil && !r.member {
		err = r.replaceInPlace(ctx, pr, shard)
	}
	if err != nil {
		return err
	}
	r.report.Shards++
	r.report.Bytes += pack.LayoutOf(p).ShardLen()
	return pack.SideFiles(fsys, p, shard, code, list)
}

// replaceInPlace is replaceShard for a disk without room for both. The bad shard may have
// the last good blocks of some stripes: it goes when the other disks have given all of
// them.
func (r *rebuilder) replaceInPlace(ctx context.Context, pr *pack.Reader, shard int) error {
	if err := pr.RemakeShard(ctx, shard, nowhere{}); err != nil {
		return err
	}
	if err := durable.Remove(r.o.Onto.FS, disk.ShardName(pr.Entry().ID, shard)); err != nil {
		return err
	}
	return r.replaceShard(ctx, pr, shard)
}

// nowhere takes what is only to be made.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// replaceShard writes a shard beside the one that may be there, and puts it in its
// place when it is whole and durable.
func (r *rebuilder) replaceShard(ctx context.Context, pr *pack.Reader, shard int) error {
	fsys, name := r.o.Onto.FS, disk.ShardName(pr.Entry().ID, shard)
	temp := name + durable.TempSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(temp, vfs.CreateOptions{Direct: true})
	if err != nil {
		return err
	}
	err = pr.RemakeShard(ctx, shard, f)
	if err == nil {
		err = disk.Synced(f.Sync())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		fsys.Remove(temp)
		return err
	}
	return durable.Rename(fsys, temp, name)
}
