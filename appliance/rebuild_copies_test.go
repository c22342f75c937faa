package appliance

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// A rebuild must not copy a damaged public file: with the good copies gone
// later, the damage would be all there is.
func TestRebuildVerifiesCopies(t *testing.T) {
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"log/tile/entries/*.p/*", "log/tile/0/*.p/*", "log/checkpoint", "statements/seal.dsse", "job.dsse", "wraps/*.wrap"} {
		t.Run(pattern, func(t *testing.T) {
			r := newRig(t, rigOptions{k: 2, m: 2, disks: 4, block: 4096})
			r.load(src)
			res := r.seal()
			// Three disks left, two of them with the same damage.
			for _, dir := range r.dirs[:2] {
				names, _ := filepath.Glob(filepath.Join(dir, Root, pattern))
				if len(names) == 0 {
					t.Fatal("no such file")
				}
				b, _ := os.ReadFile(names[0])
				b[len(b)/2] ^= 1
				if err := os.WriteFile(names[0], b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			fresh := t.TempDir()
			disk, err := vfs.OS(fresh)
			if err != nil {
				t.Fatal(err)
			}
			o := rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 3, Onto: Disk{Name: "fresh", FS: disk}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
			if _, err := rebuild.Run(context.Background(), r.disks(3), o); err != nil {
				t.Fatal(err)
			}
			r.dirs[3] = fresh
			rd := r.reader(res.Label, 0, 2) // the damaged disk 1 and the rebuilt one
			if err := rd.Cat(context.Background(), &discard{}, "file"); err != nil {
				t.Fatal(err)
			}
			for _, w := range rd.Warnings {
				if w == "no disk has the seal statement that the device signed" {
					t.Error(w)
				}
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
