package appliance

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestRebuildWithoutJournal: a disk that was rebuilt while no other could be asked for a
// journal does not stand for it: the device is not opened as if nothing had been in it,
// and nothing of it is swept. With the disk that has it all is there.
func TestRebuildWithoutJournal(t *testing.T) {
	for name, rule := range map[string]vfs.Rule{
		"open": {Op: vfs.OpOpen, Err: syscall.EIO},
		"read": {Op: vfs.OpRead, Err: syscall.EIO},
		"tail": {Op: vfs.OpRead, Err: syscall.EIO, Offset: 300, Length: 1 << 30},
	} {
		src := smallTree(t, 5, 100<<10)
		r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 4, block: 4096, packSize: 1 << 20})
		r.loadAll(src, LoadOptions{})
		if err := os.WriteFile(filepath.Join(src, "later"), make([]byte, 50<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		r.loadAll(src, LoadOptions{})
		all := append([]*vfs.Mem(nil), r.mems...)
		journals := journalsOf(t, all...)
		r.without(0)
		rule.Path = journals[len(journals)-1].Name
		r.cfg.Disks[0].FS = vfs.NewFault(all[1], rule)
		onto, _, err := r.rebuildOnto(0)
		if !errors.Is(err, ErrLost) {
			t.Errorf("%s: rebuilt: %v", name, err)
		}
		shards := len(names(t, all[2], ".shard"))
		r.use([]*vfs.Mem{onto, nil, all[2], all[3]})
		if d, err := r.device(); err == nil || !errors.Is(err, ErrRebuilding) {
			t.Errorf("%s: opened: %v", name, err)
			if err == nil {
				t.Logf("%d packs are known", d.state.packs)
				d.Close()
			}
		}
		if n := len(names(t, all[2], ".shard")); n != shards {
			t.Errorf("%s: of %d shards %d are left", name, shards, n)
		}
		r.use([]*vfs.Mem{nil, all[1], all[2], all[3]})
		if _, err := rebuild.Run(t.Context(), r.cfg.Disks, rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0, Onto: Disk{Name: "new", FS: onto},
			Rand: func() (manifest.ID, error) { return manifest.ID{2}, nil }}); err != nil {
			t.Errorf("%s: rebuilt again: %v", name, err)
		}
		r.use([]*vfs.Mem{onto, all[1], all[2], all[3]})
		res, err := r.finish(src)
		if err != nil {
			t.Errorf("%s: with the disk: %v", name, err)
			continue
		}
		if err := r.check(readTree(t, src), res.Label); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
