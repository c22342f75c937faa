package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/sledge-io/sledge/internal/liar"
	"github.com/sledge-io/sledge/manifest"
)

// TestExtentBeyondPack: a signed record may point anywhere. Whoever lists the manifest
// refuses a place that no pack has; whoever reads the content meets an error at a place
// that this pack has not, and no more.
func TestExtentBeyondPack(t *testing.T) {
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	r.load(smallTree(t, 3, 5000))
	label := r.seal().Label
	k, err := r.openSet(label).OpenWithSite(r.site)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at     int64
		listed bool
	}{{1 << 21, true}, {1 << 39, true}, {1<<63 - 1 - 20000, false}} {
		d, err := liar.Open(r.dirs, label, liar.Keys{Device: r.cfg.Key, Signer: r.signer, Load: k})
		if err == nil {
			err = d.EditExtent(func(e *manifest.Extent) { e.PackOffset = c.at })
		}
		if err == nil {
			label, err = d.Write()
		}
		if err != nil {
			t.Fatal(err)
		}
		rd, err := r.openSet(label).Unlock(k)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		err = rd.List(context.Background(), "", func(e Entry) error {
			if e.Record.Kind != manifest.KindFile || e.Record.Size == 0 {
				return nil
			}
			content, err := rd.Open(context.Background(), e.Record)
			if err != nil {
				return err
			}
			if _, err := content.ReadAt(make([]byte, 1), 0); !errors.Is(err, manifest.ErrCorrupt) {
				t.Errorf("%d: %s: read: %v", c.at, e.Record.Path, err)
			}
			read++
			return nil
		})
		rd.Close()
		if c.listed != (err == nil) || !c.listed && !errors.Is(err, manifest.ErrCorrupt) || c.listed && read == 0 {
			t.Errorf("%d: listed: %v, %d read", c.at, err, read)
		}
	}
}

// openSet opens the sealed disks.
func (r *rig) openSet(label []byte) *Set {
	r.t.Helper()
	s, err := OpenSet(r.cfg.Disks, r.signer.Public().(ed25519.PublicKey), label)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}
