package appliance

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// TestPlantedWrapIsNotSealed: a wrap that somebody puts on a disk before the seal, to a key
// that the job does not name or to none, does not go on record.
func TestPlantedWrapIsNotSealed(t *testing.T) {
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	r.load(smallTree(t, 3, 5000))
	for _, w := range []manifest.Wrap{
		{Kind: manifest.WrapHPKE, Scope: r.cfg.Scope, KeyID: make([]byte, 32), Body: []byte("x")},
		{Kind: manifest.WrapHPKE, Scope: r.cfg.Scope, Body: []byte("x")},
	} {
		b := w.Encode()
		name := filepath.Join(r.dirs[0], disk.WrapsDir, fmt.Sprintf("%x.wrap", crypto.SumSHA256(b)))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	label := r.seal().Label
	signer := r.signer.Public().(ed25519.PublicKey)
	s, err := OpenSet(r.cfg.Disks, signer, label)
	if err == nil {
		err = s.CheckChain(context.Background(), signer, label)
	}
	if err != nil || len(s.Wraps) != 1 {
		t.Fatal(err)
	}
	if _, err := s.OpenWithSite(r.site); err != nil {
		t.Error(err)
	}
}
