package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ShardReading reads blocks of one shard from its disk, past the page cache.
type ShardReading struct {
	Ctx     context.Context
	Bay     *disk.Bay
	Pack    *manifest.Pack
	Shard   int
	Stripes []int64 // nil: all
	Good    func(stripe int64, block []byte) bool
	After   func(n int) // nil, or called for every block that was good
}

// Run compares the blocks and, of a whole shard, the length.
func (r *ShardReading) Run(buf []byte) error {
	f, err := r.Bay.Disk.FS.Open(disk.ShardName(r.Pack.ID, r.Shard), vfs.OpenOptions{Direct: true})
	if err != nil {
		return err
	}
	defer f.Close()
	f.DropCache() // where direct reads fall back to buffered ones
	layout := LayoutOf(r.Pack)
	if size, err := f.Size(); err != nil || size != layout.ShardLen() {
		return fmt.Errorf("shard %d is %d bytes long, want %d: %w", r.Shard, size, layout.ShardLen(), errors.Join(err, manifest.ErrCorrupt))
	}
	one := func(stripe int64) error {
		block := buf[:layout.BlockLen(stripe)]
		if err := r.Ctx.Err(); err != nil {
			return err
		}
		if _, err := f.ReadAt(block, stripe*layout.Block); err != nil {
			return err
		}
		if !r.Good(stripe, block) {
			return fmt.Errorf("%w: shard %d: stripe %d is not what was written", manifest.ErrCorrupt, r.Shard, stripe)
		}
		if r.After != nil {
			r.After(len(block))
		}
		return nil
	}
	for _, stripe := range r.Stripes {
		if err := one(stripe); err != nil {
			return err
		}
	}
	if r.Stripes != nil {
		return nil
	}
	for stripe := range layout.Stripes() {
		if err := one(stripe); err != nil {
			return err
		}
	}
	return nil
}

// GoodByCRC compares with the CRCs that were kept since the write.
func GoodByCRC(p *manifest.Pack, shard int, crcs []uint64) func(int64, []byte) bool {
	n := p.Geometry.K + p.Geometry.M
	return func(stripe int64, block []byte) bool {
		i := int(stripe)*n + shard
		return i < len(crcs) && erasure.CRC(block) == crcs[i]
	}
}

// GoodByList compares with the pack's hash list.
func GoodByList(p *manifest.Pack, shard int, list []byte) func(int64, []byte) bool {
	layout := LayoutOf(p)
	return func(stripe int64, block []byte) bool { return blockGood(layout, list, stripe, shard, block) }
}

// ColdList reads a disk's own copy of a pack's hash list, which must have the
// signed root: the disk was given it together with the shard.
func ColdList(b *disk.Bay, p *manifest.Pack) ([]byte, error) {
	layout := LayoutOf(p)
	list, err := readCold(b.Disk.FS, disk.HashesName(p.ID), layout.Stripes()*int64(layout.LineLen()))
	if err != nil {
		return nil, err
	}
	if linesRoot(list, layout.LineLen()) != p.Root {
		return nil, fmt.Errorf("%w: the hash list is not what was written", manifest.ErrCorrupt)
	}
	return list, nil
}

// coldPiece compares a disk's piece of the hash list.
func coldPiece(b *disk.Bay, p *manifest.Pack, shard int, code *erasure.Code, list []byte) error {
	pieces, err := code.SplitPieces(list)
	if err != nil {
		return err
	}
	piece, err := readCold(b.Disk.FS, disk.PieceName(p.ID, shard), int64(len(pieces[shard])))
	if err == nil && string(piece) != string(pieces[shard]) {
		err = fmt.Errorf("%w: piece %d of the hash list is not what was written", manifest.ErrCorrupt, shard)
	}
	return err
}

// readCold reads a file of a known size past the page cache.
func readCold(disk vfs.FS, name string, size int64) ([]byte, error) {
	if size > maxHashList {
		return nil, fmt.Errorf("%s: %d bytes are over the limit", name, size)
	}
	f, err := disk.Open(name, vfs.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	f.DropCache() // a hint
	if have, err := f.Size(); err != nil || have != size {
		return nil, fmt.Errorf("%s is %d bytes long, want %d: %w", name, have, size, errors.Join(err, manifest.ErrCorrupt))
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		return nil, err
	}
	return b, nil
}

func (r *ShardReading) Whole(code *erasure.Code, buf []byte) error {
	list, err := ColdList(r.Bay, r.Pack)
	if err != nil {
		return err
	}
	all := *r
	if all.Good == nil {
		all.Good = GoodByList(r.Pack, r.Shard, list)
	}
	if err := all.Run(buf); err != nil {
		return err
	}
	return coldPiece(r.Bay, r.Pack, r.Shard, code, list)
}

// IsGone tells whether the disk says itself that it has no such shard: that is one
// lost shard, as a seal counts them, and no disk that lies.
func (r *ShardReading) IsGone() (bool, error) {
	st, err := r.Bay.Disk.FS.Stat(disk.ShardName(r.Pack.ID, r.Shard))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && st.Size() != LayoutOf(r.Pack).ShardLen(), err
}

// IsFinished tells whether the shard is there, and its piece, which is written once the
// shard is durable. Without the piece the shard may be what a failed disk kept of it.
func (r *ShardReading) IsFinished() (bool, error) {
	if gone, err := r.IsGone(); gone || err != nil {
		return false, err
	}
	_, err := r.Bay.Disk.FS.Stat(disk.PieceName(r.Pack.ID, r.Shard))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
