package appliance

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

// verified holds the verifier to a device whose seal has not begun: what the device's own
// open goes on with is neither lost nor refused.
func (r *memRig) verified() error {
	if _, _, begun := r.ledger.RecordedCheckpoint(r.cfg.Scope.Origin()); begun {
		return nil
	}
	var disks []fsck.Disk
	for _, d := range r.cfg.Disks {
		disks = append(disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	rep, err := fsck.Disks(context.Background(), fsck.Options{Disks: disks, Trust: &fsck.Trust{Key: r.signer.Public().(ed25519.PublicKey)}, Workers: 1})
	if err != nil {
		return err
	}
	for _, f := range rep.Findings {
		if f.Severity >= fsck.Lost && f.Class != "journal-missing" { // no load has begun
			return fmt.Errorf("verify: %v: %s: %s", f.Severity, f.Class, f.Text)
		}
	}
	return nil
}
