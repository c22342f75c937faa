package read

import (
	"bytes"
	"crypto/ed25519"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// SignedSeal is a seal statement of this log that the device has signed.
type SignedSeal struct {
	manifest.SealStatement
	Envelope []byte
}

// FindSeal returns the seal statement of a log that a device has signed; nil is none. One
// that names more bays whose disk left was signed later.
func FindSeal(s *disk.Set, key ed25519.PublicKey, root [32]byte) (found *SignedSeal) {
	for _, env := range s.Copies(disk.SealName, 0, manifest.MaxStatement) {
		st := &SignedSeal{Envelope: env}
		_, _, err := manifest.OpenStatement(env, manifest.PredicateSeal, &st.SealStatement, key)
		if err != nil || !bytes.Equal(st.LogRoot, root[:]) {
			continue
		}
		if found == nil || len(st.LeftBays) > len(found.LeftBays) {
			found = st
		}
	}
	return found
}
