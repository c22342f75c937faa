package pack

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func LayoutOf(p *manifest.Pack) erasure.Layout {
	return erasure.Layout{K: p.Geometry.K, M: p.Geometry.M, Block: int64(p.Geometry.BlockSize), Body: p.BodySize}
}

func linesRoot(list []byte, lineLen int) [32]byte {
	var t manifest.Tree
	for at := 0; at < len(list); at += lineLen {
		t.Add(list[at : at+lineLen])
	}
	return t.Root()
}

// maxHashList bounds what a signed entry can make a reader allocate.
const maxHashList = 1 << 30

// HashList returns a pack's hash list, proven against its signed root: a whole
// copy, or one joined from the coded pieces, or one mended field by field with
// the stored blocks as witnesses (docs/format.md section 6.4).
func HashList(s *disk.Set, p *manifest.Pack, code *erasure.Code) ([]byte, error) {
	layout := LayoutOf(p)
	size := layout.Stripes() * int64(layout.LineLen())
	if size > maxHashList {
		return nil, fmt.Errorf("pack %d: hash list of %d bytes is over the limit", p.Number, size)
	}
	if list, err := s.First(disk.HashesName(p.ID), size, func(c []byte) bool {
		return int64(len(c)) == size && linesRoot(c, layout.LineLen()) == p.Root
	}); err == nil {
		return list, nil
	}
	pieces := goodPieces(s, p, code, int(size))
	if list, err := code.JoinPieces(slices.Clone(pieces), int(size)); err == nil && linesRoot(list, layout.LineLen()) == p.Root {
		return list, nil
	}
	if list := mendList(s, p, code, pieces); list != nil {
		return list, nil
	}
	return nil, s.Fault.Or(fmt.Errorf("pack %d: %w", p.Number, ErrNoHashes))
}

func fieldOffset(l erasure.Layout, shard int) int {
	if shard < l.K {
		return 32 * shard
	}
	return 32*l.K + 8*(shard-l.K)
}

// fieldOf is what a line holds of a block.
func fieldOf(l erasure.Layout, shard int, block []byte) []byte {
	if shard < l.K {
		sum := crypto.SumSHA256(block)
		return sum[:]
	}
	return erasure.AppendParity(nil, [][]byte{block})
}

// blockGood compares a stored block with its line.
func blockGood(l erasure.Layout, list []byte, stripe int64, shard int, block []byte) bool {
	at := int(stripe)*l.LineLen() + fieldOffset(l, shard)
	value := fieldOf(l, shard, block)
	return string(list[at:at+len(value)]) == string(value)
}

// VerifyShard reads a whole shard and compares it with the hash list.
func VerifyShard(fsys vfs.FS, p *manifest.Pack, shard int, list []byte) error {
	f, err := fsys.Open(disk.ShardName(p.ID, shard), vfs.OpenOptions{})
	if err != nil {
		return err
	}
	defer f.Close()
	f.DropCache() // a hint: what the disk holds counts, not what was written
	layout := LayoutOf(p)
	if size, err := f.Size(); err != nil || size != layout.ShardLen() {
		return fmt.Errorf("%w: shard %d of pack %s has a wrong length", manifest.ErrCorrupt, shard, p.ID)
	}
	buf := make([]byte, layout.Block)
	for stripe := int64(0); stripe < layout.Stripes(); stripe++ {
		block := buf[:layout.BlockLen(stripe)]
		if _, err := f.ReadAt(block, stripe*layout.Block); err != nil {
			return err
		}
		if !blockGood(layout, list, stripe, shard, block) {
			return fmt.Errorf("%w: shard %d of pack %s: stripe %d", manifest.ErrCorrupt, shard, p.ID, stripe)
		}
	}
	return nil
}

// ErrNoHashes: no copy of a pack's hash list, nor any mixture, has the signed root.
var ErrNoHashes = errors.New("no copy of the hash list fits its signed root")
