package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Limits of job files (format.md 3).
const (
	MaxDevices    = 1024
	MaxRecipients = 16
	MaxRoleKeys   = 64

	minPackSize, maxPackSize       = 4096, 64 << 30
	minPackSeconds, maxPackSeconds = 1, 3600

	minSalt, maxSalt                     = 16, 64
	minArgonTime, maxArgonTime           = 1, 16
	minArgonMemoryKiB, maxArgonMemoryKiB = 8 << 10, 1 << 20
	minArgonThreads, maxArgonThreads     = 1, 16
	minIterations, maxIterations         = 100_000, 10_000_000
)

// checkLimits holds a job file to the format where the verifier uses no value of it,
// either: what another reader refuses is not clean here.
func checkLimits(p Object) error {
	var site string
	if err := p.Maybe("site", &site); err != nil {
		return err
	}
	for _, name := range []string{"created", "expires"} {
		if _, err := p.Time(name); err != nil {
			return err
		}
	}
	if err := checkUnlock(p); err != nil {
		return err
	}
	policy, err := p.Object("policy")
	if err != nil {
		return err
	}
	if err := policy.within("pack_size", minPackSize, maxPackSize); err != nil {
		return err
	}
	return policy.within("pack_seconds", minPackSeconds, maxPackSeconds)
}

func checkUnlock(p Object) error {
	unlock, err := p.Object("unlock")
	if err != nil {
		return err
	}
	if b, err := unlock.Base64("verifier"); err != nil || len(b) != 32 {
		return fmt.Errorf("%w: unlock verifier of %d bytes", ErrMalformed, len(b))
	}
	kdf, err := unlock.Object("kdf")
	if err != nil {
		return err
	}
	if b, err := kdf.Base64("salt"); err != nil || len(b) < minSalt || len(b) > maxSalt {
		return fmt.Errorf("%w: kdf salt of %d bytes", ErrMalformed, len(b))
	}
	kind, err := kdf.Text("kind")
	if err != nil {
		return err
	}
	argon := map[string][2]uint64{"time": {minArgonTime, maxArgonTime}, "memory_kib": {minArgonMemoryKiB, maxArgonMemoryKiB}, "threads": {minArgonThreads, maxArgonThreads}}
	pbkdf2 := map[string][2]uint64{"iterations": {minIterations, maxIterations}}
	own, others := argon, pbkdf2
	if kind != "argon2id" { // of a known kind: checkChoices has looked
		own, others = pbkdf2, argon
	}
	for name, b := range own {
		if err := kdf.within(name, b[0], b[1]); err != nil {
			return err
		}
	}
	for name := range others {
		if err := kdf.within(name, 0, 0); kdf.Has(name) && err != nil {
			return err
		}
	}
	return nil
}

// within demands a number between two bounds.
func (o Object) within(name string, low, high uint64) error {
	n, err := o.Uint(name)
	if err == nil && (n < low || n > high) {
		err = fmt.Errorf("%w: %s is %d, outside %d to %d", ErrMalformed, name, n, low, high)
	}
	return err
}

// sitePublicKey is the length of an MLKEM768-X25519 key: 1,184 bytes and 32.
const sitePublicKey = 1216

// recipient takes one recipient's key id, which its key has to have.
func (j *JobFile) recipient(r Object) error {
	kind, err := r.Text("kind")
	if err != nil {
		return err
	}
	var key []byte
	var text string
	switch kind {
	case "hpke-mlkem768-x25519":
		if key, err = r.Base64("public_key"); err == nil && len(key) != sitePublicKey {
			err = fmt.Errorf("%w: a site key of %d bytes, not %d", ErrMalformed, len(key), sitePublicKey)
		}
	case "age":
		text, err = r.Text("recipient")
		key = []byte(text)
	default:
		err = fmt.Errorf("%w: recipient of kind %q", ErrVersion, kind)
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256(key)
	keyID, err := r.Text("key_id")
	if err != nil || keyID != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%w: key id %q does not belong to its key", ErrMalformed, keyID)
	}
	j.KeyIDs = append(j.KeyIDs, keyID)
	if kind == "age" {
		j.AgeIDs = append(j.AgeIDs, sum[:]...)
		j.Stanzas = append(j.Stanzas, stanzaOf(text))
	} else {
		j.SiteIDs = append(j.SiteIDs, sum)
	}
	return nil
}
