package manifest

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// PredicateReinstate is the predicate type of a [Reinstatement].
const PredicateReinstate = predicateBase + "reinstate/v1"

// maxReason bounds a reason, in bytes: it stands in a device's history.
const maxReason = 160

// Reinstatement is the predicate of section 8.5: the job signer's word that a device
// was taken for tampered by mistake.
type Reinstatement struct {
	Version  int       `json:"version"`
	Critical []string  `json:"critical"`
	Device   ID        `json:"device"`
	Evidence string    `json:"evidence"` // sha256: and hexadecimal
	Reason   string    `json:"reason"`
	Created  time.Time `json:"created"`
}

// Sign returns the statement's bytes.
func (r *Reinstatement) Sign(key ed25519.PrivateKey) ([]byte, error) {
	r.Version, r.Critical = Version, []string{}
	if err := r.validate(); err != nil {
		return nil, err
	}
	sum := strings.TrimPrefix(r.Evidence, "sha256:")
	subject := Subject{Name: "device/" + r.Device.String() + "/evidence", Digest: map[string]string{"sha256": sum}}
	return SignStatement(PredicateReinstate, []Subject{subject}, r, key)
}

// OpenReinstatement verifies a statement with the job signer's key, then reads it.
func OpenReinstatement(file []byte, signer ed25519.PublicKey) (*Reinstatement, error) {
	var r Reinstatement
	if _, _, err := OpenStatement(file, PredicateReinstate, &r, signer); err != nil {
		return nil, fmt.Errorf("reinstatement: %w", err)
	}
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("reinstatement: %w: %w", ErrCorrupt, err)
	}
	return &r, nil
}

func (r *Reinstatement) validate() error {
	digits, ok := strings.CutPrefix(r.Evidence, "sha256:")
	sum, err := hex.DecodeString(digits)
	switch {
	case r.Device.IsZero():
		return fmt.Errorf("no device is named")
	case !ok || err != nil || len(sum) != 32 || strings.ToLower(digits) != digits:
		return fmt.Errorf("evidence %.80q is not sha256: and 64 hexadecimal characters", r.Evidence)
	case r.Reason == "" || len(r.Reason) > maxReason || strings.ContainsAny(r.Reason, "\r\n"):
		return fmt.Errorf("the reason must be one line of 1 to %d bytes", maxReason)
	}
	return nil
}
