package read

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

// CheckChain lets the keyless verifier read everything that is signed and public
// before an entry is used, so that no command takes a log that another refuses.
// OpenSet reads the ends of the log alone. signer and label are those of OpenSet.
func (s *Set) CheckChain(ctx context.Context, signer ed25519.PublicKey, label []byte) error {
	o := fsck.Options{Label: label}
	if signer != nil {
		o.Trust = &fsck.Trust{Key: signer}
	}
	for _, d := range s.set.Disks {
		o.Disks = append(o.Disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	r, err := fsck.Chain(ctx, o)
	if err != nil {
		return err
	}
	for _, f := range r.Findings {
		if f.Severity == fsck.Fatal {
			return fmt.Errorf("%w: %s", ErrRefused, f.Text)
		}
	}
	return nil
}
