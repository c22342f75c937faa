package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Custodian is who may hold a device (format.md 12): a cosigner with a key of his own.
type Custodian struct {
	Cosigner
	Person, Organisation string
}

// Cosigner is a name and a key of type 0x04 (c2sp.org/tlog-cosignature).
type Cosigner struct {
	Name string
	Key  ed25519.PublicKey
}

const (
	cosignerType  = 0x04
	maxNameLength = 256
)

// KeyID is what the cosigner's signature lines begin with.
func (c Cosigner) KeyID() [4]byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%c%s", c.Name, cosignerType, []byte(c.Key)))
	return [4]byte(sum[:4])
}

// ParseCosigner reads NAME+HASH+KEY, which has one form.
func ParseCosigner(text string) (c Cosigner, err error) {
	bad := func() (Cosigner, error) {
		return Cosigner{}, fmt.Errorf("%w: cosigner's verifier key %.120q", ErrMalformed, text)
	}
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || parts[0] == "" || !plainText(parts[0]) || strings.ContainsFunc(parts[0], unicode.IsSpace) {
		return bad()
	}
	raw, err := Unbase64(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != cosignerType {
		return bad()
	}
	c = Cosigner{Name: parts[0], Key: raw[1:]}
	id := c.KeyID()
	if hex.EncodeToString(id[:]) != parts[1] {
		return bad()
	}
	return c, nil
}

func (c Cosigner) String() string {
	id := c.KeyID()
	return c.Name + "+" + hex.EncodeToString(id[:]) + "+" + base64.StdEncoding.EncodeToString(append([]byte{cosignerType}, c.Key...))
}

func plainText(s string) bool {
	return len(s) <= maxNameLength && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (j *JobFile) readCustodians(roles Object) error {
	if !roles.Has("custodian") {
		return nil
	}
	list, err := roles.Objects("custodian")
	if err != nil {
		return err
	}
	if len(list) > MaxRoleKeys {
		return fmt.Errorf("%w: %d keys of the role custodian", ErrMalformed, len(list))
	}
	for _, o := range list {
		vkey, err := o.Text("vkey")
		if err != nil {
			return err
		}
		var c Custodian
		if c.Cosigner, err = ParseCosigner(vkey); err != nil {
			return err
		}
		if err := o.Maybe("name", &c.Person); err != nil {
			return err
		}
		if err := o.Maybe("organisation", &c.Organisation); err != nil {
			return err
		}
		if c.Person == "" || !plainText(c.Person) || !plainText(c.Organisation) {
			return fmt.Errorf("%w: custodian %s: name or organisation", ErrMalformed, c.Name)
		}
		j.Custodians = append(j.Custodians, c)
	}
	return nil
}

// ownKeys holds each custodian's key against all other keys of the job: a cosignature does
// not say under which name it was made.
func (j *JobFile) ownKeys(p Object) error {
	if len(j.Custodians) == 0 {
		return nil
	}
	text, err := p.Text("signer")
	if err != nil {
		return err
	}
	signer, err := parseSPKIText(text)
	if err != nil {
		return err
	}
	taken, names := map[string]bool{string(signer): true}, map[string]bool{}
	for _, key := range j.Devices {
		taken[string(key)] = true
	}
	for _, keys := range [][]ed25519.PublicKey{j.Importers, j.Acceptors, j.Erasers, j.Validators} {
		for _, key := range keys {
			taken[string(key)] = true
		}
	}
	for _, c := range j.Custodians {
		if taken[string(c.Key)] || names[c.Name] {
			return fmt.Errorf("%w: custodian %s has a name or a key that another role has", ErrMalformed, c.Name)
		}
		taken[string(c.Key)], names[c.Name] = true, true
	}
	return nil
}
