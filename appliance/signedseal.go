package appliance

import (
	"bytes"
	"crypto/ed25519"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// signedSeal is a seal statement of this log that the device has signed.
type signedSeal struct {
	manifest.SealStatement
	envelope []byte
}

// readSeal returns the seal statement of a log that a device has signed; nil is none. One
// that names more bays whose disk left was signed later.
func readSeal(s *disk.Set, key ed25519.PublicKey, root [32]byte) (found *signedSeal) {
	for _, env := range s.Copies(disk.SealName, 0, manifest.MaxStatement) {
		st := &signedSeal{envelope: env}
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
