package manifest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fields"
)

// Contexts of the device key's signatures over log entries before there is a
// signed log. What is signed is the scope's bytes and the entry.
const (
	PackEntryContext = "pack entry"
	WrapEntryContext = "wrap entry"
)

// SignEntry signs a log entry of a scope under one of the contexts above.
func SignEntry(key ed25519.PrivateKey, context string, scope Scope, entry []byte) []byte {
	return crypto.SignContext(key, context, append(scope.Bytes(), entry...))
}

// VerifyEntry checks a signature of SignEntry.
func VerifyEntry(pub ed25519.PublicKey, context string, scope Scope, entry, sig []byte) error {
	if err := crypto.VerifyContext(pub, context, append(scope.Bytes(), entry...), sig); err != nil {
		return fmt.Errorf("%s: %w: %w", context, ErrUnverified, err)
	}
	return nil
}

// WrapCheck is what a device hands to the data centre before it is sealed, so
// that the site proves that it will be able to open what the device wrote. It
// is written down in docs/import.md:
//
//	version u8 = 1 ‖ field message
//	1 c  bytes 32  SHA-256 of job.dsse
//	2 c  bytes     a wrap file of kind 1
//	3 c  bytes     its wrap entry
//	4 c  bytes 64  the device's signature over scope ‖ wrap entry
//	5 c  bytes     the pack entry of one pack
//	6 c  bytes 64  the device's signature over scope ‖ pack entry
type WrapCheck struct {
	JobSHA256     [32]byte
	Wrap          []byte
	WrapEntry     []byte
	WrapSignature []byte
	PackEntry     []byte
	PackSignature []byte
}

const maxWrapCheck = 128 << 10

func (c *WrapCheck) form() fields.Form {
	return fields.Form{
		fields.Array(1, true, c.JobSHA256[:]),
		fields.Blob(2, true, &c.Wrap, -1),
		fields.Blob(3, true, &c.WrapEntry, -1),
		fields.Blob(4, true, &c.WrapSignature, ed25519.SignatureSize),
		fields.Blob(5, true, &c.PackEntry, -1),
		fields.Blob(6, true, &c.PackSignature, ed25519.SignatureSize),
	}
}

// Encode returns the file's bytes.
func (c *WrapCheck) Encode() []byte {
	w := fields.NewWriter([]byte{Version})
	c.form().Write(w)
	return w.Bytes()
}

// DecodeWrapCheck reads what Encode wrote. Nothing in it is verified yet.
func DecodeWrapCheck(b []byte) (*WrapCheck, error) {
	if len(b) > 0 && b[0] != Version {
		return nil, fmt.Errorf("wrap check of version %d: %w", b[0], ErrUnsupportedVersion)
	}
	if len(b) == 0 || len(b) > maxWrapCheck {
		return nil, fmt.Errorf("%w: wrap check of %d bytes", ErrCorrupt, len(b))
	}
	c := &WrapCheck{}
	err := c.form().Read(b[1:])
	if err == nil && (c.JobSHA256 == [32]byte{} || c.Wrap == nil || c.WrapEntry == nil || c.WrapSignature == nil || c.PackEntry == nil || c.PackSignature == nil) {
		err = fmt.Errorf("a field is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: wrap check: %w", ErrCorrupt, err)
	}
	return c, nil
}

// Verify proves that the site key opens the device's wrap, that the load key in
// it is the one that the device's signed wrap entry names, and that a pack that
// the device signed was encrypted under it. job was verified, and is jobFile.
func (c *WrapCheck) Verify(job *Job, jobFile []byte, site *crypto.SiteKey) (k []byte, scope Scope, err error) {
	if sha256.Sum256(jobFile) != c.JobSHA256 {
		return nil, scope, fmt.Errorf("%w: the device obeys another job file than this one", ErrUnverified)
	}
	wrap, err := DecodeWrap(c.Wrap)
	if err != nil {
		return nil, scope, err
	}
	scope = wrap.Scope
	device, ok := job.Device(scope.Device)
	if !ok || scope.Job != job.ID {
		return nil, scope, fmt.Errorf("%w: wrap of job %s, device %s: not of this job", ErrUnverified, scope.Job, scope.Device)
	}
	if err := VerifyEntry(device.PublicKey.PublicKey, WrapEntryContext, scope, c.WrapEntry, c.WrapSignature); err != nil {
		return nil, scope, err
	}
	if err := VerifyEntry(device.PublicKey.PublicKey, PackEntryContext, scope, c.PackEntry, c.PackSignature); err != nil {
		return nil, scope, err
	}
	if k, err = c.unwrap(wrap, site); err != nil {
		return nil, scope, err
	}
	return k, scope, c.openPack(k, scope)
}

// unwrap opens the wrap and compares it with its signed entry.
func (c *WrapCheck) unwrap(wrap *Wrap, site *crypto.SiteKey) ([]byte, error) {
	entry, err := DecodeEntry(c.WrapEntry)
	if err != nil {
		return nil, err
	}
	e := entry.Wrap
	switch {
	case e == nil || e.Kind != WrapHPKE || wrap.Kind != WrapHPKE:
		return nil, fmt.Errorf("%w: this is not a wrap to a site", ErrCorrupt)
	case e.SHA256 != sha256.Sum256(c.Wrap) || e.Generation != wrap.Scope.Generation:
		return nil, fmt.Errorf("%w: the wrap is not the one that the device signed", ErrUnverified)
	}
	k, err := site.Unwrap(wrap.Body, wrap.Scope.Binding())
	if err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	if [16]byte(crypto.KeyCheck(k)) != e.Check {
		return nil, fmt.Errorf("wrap holds another key than the device signed: %w", crypto.ErrKey)
	}
	return k, nil
}

// openPack checks the key commitment of the pack's stream.
func (c *WrapCheck) openPack(k []byte, scope Scope) error {
	entry, err := DecodeEntry(c.PackEntry)
	if err != nil {
		return err
	}
	p := entry.Pack
	if p == nil || p.IsIndex() {
		return fmt.Errorf("%w: this is not the entry of a pack", ErrCorrupt)
	}
	key := crypto.Derive(k, "pack", p.ID[:], crypto.KeySize)
	if _, err := crypto.NewFloeDecryptor(crypto.DefaultFloe(), key, scope.PackAD(p.ID), p.Header); err != nil {
		return fmt.Errorf("pack %d: %w", p.Number, err)
	}
	return nil
}

// Answer codes: ten characters of Crockford's base32, 50 bits.
const (
	answerSymbols  = 10
	answerAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// WrapAnswer is the short code by which the site tells the device that it has
// opened the load key of exactly this wrap check: the first 50 bits of
// HMAC-SHA-256(derive("wrap answer", "", 32), SHA-256(bundle)), as XXXXX-XXXXX.
func WrapAnswer(k, bundle []byte) string {
	sum := sha256.Sum256(bundle)
	mac := hmac.New(sha256.New, crypto.Derive(k, "wrap answer", nil, 32))
	mac.Write(sum[:])
	raw := mac.Sum(nil)
	var b strings.Builder
	for i := range answerSymbols {
		if i == answerSymbols/2 {
			b.WriteByte('-')
		}
		at := i * 5
		pair := uint(raw[at/8])<<8 | uint(raw[at/8+1])
		b.WriteByte(answerAlphabet[pair>>(11-at%8)&31])
	}
	return b.String()
}

// SameWrapAnswer compares a code as people type it with the right one.
func SameWrapAnswer(typed, want string) bool {
	typed = strings.NewReplacer("-", "", " ", "", "I", "1", "L", "1", "O", "0").Replace(strings.ToUpper(strings.TrimSpace(typed)))
	want = strings.ReplaceAll(want, "-", "")
	return subtle.ConstantTimeCompare([]byte(typed), []byte(want)) == 1
}
