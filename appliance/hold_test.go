package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestBusyDisks: while one command has the disks, every other that would change them
// is refused, also one that has some of them only; then none is.
func TestBusyDisks(t *testing.T) {
	r := small32(t)
	d := r.mustDevice()
	others := map[string]func() error{
		"unlock": func() error { return second(Prepare(r.cfg, r.root)) },
		"load":   func() error { return second(Open(r.cfg, d.key)) },
		"seal": func() error {
			return second(FinishSeal(context.Background(), r.cfg, recorded{r.ledger}, seal.FinishOptions{}))
		},
		"rebuild": func() error {
			return second(rebuild.Run(context.Background(), r.cfg.Disks[1:], rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: 0,
				Onto: Disk{Name: "new", FS: vfs.NewMem(vfs.MemOptions{})}, Rand: func() (manifest.ID, error) { return manifest.ID{1}, nil }}))
		},
		"some disks": func() error {
			c := r.cfg
			c.Disks = c.Disks[4:]
			return second(Open(c, d.key))
		},
	}
	for name, other := range others {
		if err := other(); !errors.Is(err, ErrBusy) {
			t.Errorf("%s while another command has the disks: %v", name, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"unlock", "seal", "rebuild", "some disks"} { // each ends, with or without an error
		if err := others[name](); errors.Is(err, ErrBusy) {
			t.Errorf("%s when nobody has the disks any more: %v", name, err)
		}
		held, err := disk.Lock(r.cfg.Disks)
		if err != nil {
			t.Errorf("%s keeps the disks after its end: %v", name, err)
		}
		held.Release()
	}
}

// recorded is a ledger with a checkpoint on record.
type recorded struct{ disk.Ledger }

func (recorded) RecordedCheckpoint(string) (uint64, [32]byte, bool) { return 1, [32]byte{}, true }

func second[T any](_ T, err error) error { return err }
