package appliance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// resign is a hostile loader: it gives a sealed device another log, signed with the
// device's key, and a label that fits.
func (r *rig) resign(t *testing.T, label []byte, change func(entries [][]byte) [][]byte) []byte {
	t.Helper()
	signer := r.signer.Public().(ed25519.PublicKey)
	s, err := OpenSet(r.cfg.Disks, signer, label)
	if err != nil {
		t.Fatal(err)
	}
	var entries [][]byte
	for pos := range s.Checkpoint().Size {
		b, err := s.Log().Entry(pos)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, bytes.Clone(b))
	}
	put := func(name string, data []byte) error {
		for _, dir := range r.dirs {
			path := filepath.Join(dir, Root, "log", filepath.FromSlash(name))
			os.Remove(path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
				return err
			}
		}
		return nil
	}
	w := manifest.NewLogWriter(put)
	for _, e := range change(entries) {
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	size, root, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	text, err := manifest.SignCheckpoint(r.cfg.Scope.Origin(), size, root, r.cfg.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := put("checkpoint", text); err != nil {
		t.Fatal(err)
	}
	head, _, _ := bytes.Cut(label, []byte("\n\n"))
	return append(append(bytes.Clone(head), "\n\n"...), text...)
}

// TestHostileLog: a log that its device signed and that the keyless verifier refuses
// is refused before an entry of it is used, whatever its ends say.
func TestHostileLog(t *testing.T) {
	variants := map[string]struct {
		refused bool
		change  func(entries [][]byte) [][]byte
	}{
		"as it was": {false, func(e [][]byte) [][]byte { return e }},
		"an unknown kind of entry": {true, func(e [][]byte) [][]byte {
			return append(e[:len(e)-1:len(e)-1], []byte{manifest.Version, 99}, e[len(e)-1])
		}},
		"an event behind the packs": {true, func(e [][]byte) [][]byte {
			event := []byte{manifest.Version, 3, 5, 4, 'n', 'o', 't', 'e'}
			return append(e[:len(e)-1:len(e)-1], event, e[len(e)-1])
		}},
		"a pack twice":    {true, func(e [][]byte) [][]byte { return append(e[:3:3], e[2:]...) }},
		"two end entries": {true, func(e [][]byte) [][]byte { return append(e, e[len(e)-1]) }},
	}
	for name, v := range variants {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
			r.load(smallTree(t, 3, 5000))
			label := r.resign(t, r.seal().Label, v.change)
			signer := r.signer.Public().(ed25519.PublicKey)
			s, err := OpenSet(r.cfg.Disks, signer, label)
			if err == nil {
				err = s.CheckChain(context.Background(), signer, label)
			}
			if v.refused && !errors.Is(err, ErrRefused) || !v.refused && err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCheckChainStops: a check that is canceled is no verdict.
func TestCheckChainStops(t *testing.T) {
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	r.load(smallTree(t, 3, 5000))
	label := r.seal().Label
	s, err := OpenSet(r.cfg.Disks, nil, label)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.CheckChain(ctx, nil, label); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
