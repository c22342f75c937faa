package pack

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// SideFiles writes the hash list and a shard's piece of it, if they are not there.
func SideFiles(fsys vfs.FS, p *manifest.Pack, shard int, code *erasure.Code, list []byte) error {
	pieces, err := code.SplitPieces(list)
	if err != nil {
		return err
	}
	if crypto.SumSHA256(pieces[shard]) != p.Pieces[shard] {
		return fmt.Errorf("%w: pack %d: piece %d does not come out as signed", disk.ErrLost, p.Number, shard)
	}
	for name, data := range map[string][]byte{disk.HashesName(p.ID): list, disk.PieceName(p.ID, shard): pieces[shard]} {
		if have, err := vfs.ReadFile(fsys, name, int64(len(data))); err == nil && string(have) == string(data) {
			continue
		}
		if err := durable.WriteFile(fsys, name, data); err != nil {
			return err
		}
	}
	return fsys.SyncDir(disk.PackDir(p.ID))
}
