package fsck

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Limits of job files (format.md 3).
const (
	maxDevices    = 1024
	maxRecipients = 16
	maxRoleKeys   = 64

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
func checkLimits(p object) error {
	var site string
	if err := p.maybe("site", &site); err != nil {
		return err
	}
	for _, name := range []string{"created", "expires"} {
		if _, err := p.time(name); err != nil {
			return err
		}
	}
	if err := checkUnlock(p); err != nil {
		return err
	}
	policy, err := p.object("policy")
	if err != nil {
		return err
	}
	if err := policy.within("pack_size", minPackSize, maxPackSize); err != nil {
		return err
	}
	return policy.within("pack_seconds", minPackSeconds, maxPackSeconds)
}

func checkUnlock(p object) error {
	unlock, err := p.object("unlock")
	if err != nil {
		return err
	}
	if b, err := unlock.base64("verifier"); err != nil || len(b) != 32 {
		return fmt.Errorf("%w: unlock verifier of %d bytes", errMalformed, len(b))
	}
	kdf, err := unlock.object("kdf")
	if err != nil {
		return err
	}
	if b, err := kdf.base64("salt"); err != nil || len(b) < minSalt || len(b) > maxSalt {
		return fmt.Errorf("%w: kdf salt of %d bytes", errMalformed, len(b))
	}
	kind, err := kdf.text("kind")
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
		if err := kdf.within(name, 0, 0); kdf.has(name) && err != nil {
			return err
		}
	}
	return nil
}

// within demands a number between two bounds.
func (o object) within(name string, low, high uint64) error {
	n, err := o.uint(name)
	if err == nil && (n < low || n > high) {
		err = fmt.Errorf("%w: %s is %d, outside %d to %d", errMalformed, name, n, low, high)
	}
	return err
}

// sitePublicKey is the length of an MLKEM768-X25519 key: 1,184 bytes and 32.
const sitePublicKey = 1216

// recipient takes one recipient's key id, which its key has to have.
func (j *jobFile) recipient(r object) error {
	kind, err := r.text("kind")
	if err != nil {
		return err
	}
	var key []byte
	var text string
	switch kind {
	case "hpke-mlkem768-x25519":
		if key, err = r.base64("public_key"); err == nil && len(key) != sitePublicKey {
			err = fmt.Errorf("%w: a site key of %d bytes, not %d", errMalformed, len(key), sitePublicKey)
		}
	case "age":
		text, err = r.text("recipient")
		key = []byte(text)
	default:
		err = fmt.Errorf("%w: recipient of kind %q", ErrVersion, kind)
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256(key)
	keyID, err := r.text("key_id")
	if err != nil || keyID != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%w: key id %q does not belong to its key", errMalformed, keyID)
	}
	j.keyIDs = append(j.keyIDs, keyID)
	if kind == "age" {
		j.ageIDs = append(j.ageIDs, sum[:]...)
		j.stanzas = append(j.stanzas, stanzaOf(text))
	} else {
		j.siteIDs = append(j.siteIDs, sum)
	}
	return nil
}
