package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/liar"
)

// TestForkedCheckpoint: the rule for two checkpoints of one log is the same with a label
// and without, in OpenSet and in the keyless verifier; without the disk of the other one
// the rest is read.
func TestForkedCheckpoint(t *testing.T) {
	for _, c := range []struct {
		name       string
		size       int // of the other one; 0: as the log's
		fits, fork bool
	}{{"older", 2, true, false}, {"no beginning", 2, false, true}, {"of one size", 0, false, true}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
			r.load(smallTree(t, 3, 5000))
			label := r.seal().Label
			signer := r.signer.Public().(ed25519.PublicKey)
			s, err := OpenSet(r.cfg.Disks, signer, label)
			if err != nil {
				t.Fatal(err)
			}
			k, err := s.OpenWithSite(r.site)
			if err != nil {
				t.Fatal(err)
			}
			d, err := liar.Open(r.dirs, label, liar.Keys{Device: r.cfg.Key, Signer: r.signer, Load: k})
			if err != nil {
				t.Fatal(err)
			}
			if label, err = d.Write(); err != nil {
				t.Fatal(err)
			}
			size := c.size
			if size == 0 {
				size = d.Size()
			}
			if err := d.SignAt(size, c.fits, 2); err != nil {
				t.Fatal(err)
			}
			for _, label := range [][]byte{label, nil} {
				s, err := OpenSet(r.cfg.Disks, signer, label)
				if errors.Is(err, ErrForked) != c.fork || !c.fork && err != nil {
					t.Fatalf("label %v: %v", label != nil, err)
				}
				if c.fork && !strings.Contains(err.Error(), "d02") {
					t.Errorf("the disk is not named: %v", err)
				}
				if !c.fork {
					if err := s.CheckChain(context.Background(), signer, label); err != nil {
						t.Error(err)
					}
					if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "d02 have an older") }) {
						t.Errorf("not told: %q", s.Warnings)
					}
				}
				if _, err := OpenSet(r.cfg.Disks[:2], signer, label); err != nil {
					t.Errorf("without the disk: %v", err)
				}
			}
		})
	}
}
