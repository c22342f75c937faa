package manifest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PredicateCustody is the predicate type of an entry of a custody log (section 12).
const PredicateCustody = predicateBase + "custody/v1"

// CustodyOrigin is the origin of the custody log of a device and generation.
func (s Scope) CustodyOrigin() string { return s.Origin() + "/custody" }

// Custodian is who may hold a device: a key of his own that he cosigns and signs
// checkpoints with, and the names that people know him by.
type Custodian struct {
	Vkey         CosignerKey `json:"vkey"`
	Name         string      `json:"name"`
	Organisation string      `json:"organisation"`
}

// MaxCustodyName bounds the names in a custodian, in bytes.
const MaxCustodyName = 256

// Validate applies the format's limits.
func (c Custodian) Validate() error {
	if c.Vkey.Name == "" || len(c.Vkey.Key) != ed25519.PublicKeySize {
		return errors.New("custodian without a verifier key")
	}
	if c.Name == "" {
		return fmt.Errorf("custodian %s without a name", c.Vkey.Name)
	}
	for _, text := range []string{c.Name, c.Organisation} {
		if len(text) > MaxCustodyName || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("custodian %s: a name is over %d bytes, not UTF-8, or holds control characters", c.Vkey.Name, MaxCustodyName)
		}
	}
	return nil
}

// CosignerKey is the verifier key of a C2SP cosigner (type 0x04): NAME+HASH+KEY. The zero
// value is nobody's.
type CosignerKey struct {
	Name string
	Key  ed25519.PublicKey
}

const cosignerType = 0x04

// NewCosignerKey is a cosigner's key under a name.
func NewCosignerKey(name string, key ed25519.PublicKey) (CosignerKey, error) {
	k := CosignerKey{name, key}
	return k, k.check()
}

func (k CosignerKey) check() error {
	if k.Name == "" || len(k.Name) > MaxCustodyName || !utf8.ValidString(k.Name) || strings.ContainsFunc(k.Name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' }) {
		return fmt.Errorf("%w: cosigner name %.80q is empty, too long, or holds a space or +", ErrCorrupt, k.Name)
	}
	if len(k.Key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: cosigner key of %d bytes", ErrCorrupt, len(k.Key))
	}
	return nil
}

// ID is the key id that the cosigner's signature lines begin with.
func (k CosignerKey) ID() [4]byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%c%s", k.Name, cosignerType, []byte(k.Key)))
	return [4]byte(sum[:4])
}

func (k CosignerKey) String() string {
	if k.Name == "" {
		return ""
	}
	id := k.ID()
	return fmt.Sprintf("%s+%s+%s", k.Name, hex.EncodeToString(id[:]), base64.StdEncoding.EncodeToString(append([]byte{cosignerType}, k.Key...)))
}

// Equal tells whether name and key are the same.
func (k CosignerKey) Equal(o CosignerKey) bool { return k.Name == o.Name && bytes.Equal(k.Key, o.Key) }

// ParseCosignerKey reads a verifier key of type 0x04.
func ParseCosignerKey(text string) (CosignerKey, error) {
	bad := func() (CosignerKey, error) {
		return CosignerKey{}, fmt.Errorf("%w: %.120q is not a cosigner's verifier key (NAME+HASH+KEY of type 0x04)", ErrCorrupt, text)
	}
	name, rest, ok1 := strings.Cut(text, "+")
	_, encoded, ok2 := strings.Cut(rest, "+")
	raw, err := decodeBase64(encoded)
	if !ok1 || !ok2 || err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != cosignerType {
		return bad()
	}
	k := CosignerKey{name, raw[1:]}
	if k.check() != nil || k.String() != text {
		return bad()
	}
	return k, nil
}

// MarshalJSON writes the verifier key; nobody's is "none".
func (k CosignerKey) MarshalJSON() ([]byte, error) {
	if k.Name == "" {
		return json.Marshal("none")
	}
	return json.Marshal(k.String())
}

// UnmarshalJSON reads a verifier key, or "none".
func (k *CosignerKey) UnmarshalJSON(b []byte) (err error) {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == "none" {
		*k = CosignerKey{}
		return nil
	}
	*k, err = ParseCosignerKey(text)
	return err
}

// validateCustody holds the roles of custody to their limits. A cosignature does not
// commit to a name: who has a key twice, or under two roles, could have one taken for another.
func (j *Job) validateCustody() error {
	r := j.Roles
	if len(r.Custodian) > maxRoleKeys || len(r.Eraser) > maxRoleKeys || len(r.Validator) > maxRoleKeys {
		return fmt.Errorf("more than %d role keys", maxRoleKeys)
	}
	if len(j.Policy.Hold) > MaxCustodyName || strings.ContainsFunc(j.Policy.Hold, unicode.IsControl) {
		return fmt.Errorf("policy hold is over %d bytes or holds control characters", MaxCustodyName)
	}
	taken := map[string]string{string(j.Signer.PublicKey): "the job signer"}
	for _, d := range j.Devices {
		taken[string(d.PublicKey.PublicKey)] = "a device"
	}
	for role, keys := range map[string][]PublicKey{"importer": r.Importer, "acceptor": r.Acceptor, "eraser": r.Eraser, "validator": r.Validator} {
		for _, k := range keys {
			taken[string(k.PublicKey)] = role
		}
	}
	names := map[string]bool{}
	for _, c := range r.Custodian {
		if err := c.Validate(); err != nil {
			return err
		}
		if who, ok := taken[string(c.Vkey.Key)]; ok {
			return fmt.Errorf("custodian %s has the key of %s: a custodian needs a key of his own", c.Vkey.Name, who)
		}
		if names[c.Vkey.Name] {
			return fmt.Errorf("two custodians have the name %s", c.Vkey.Name)
		}
		taken[string(c.Vkey.Key)], names[c.Vkey.Name] = "custodian "+c.Vkey.Name, true
	}
	return nil
}
