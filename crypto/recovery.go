package crypto

import (
	"bytes"
	"crypto/fips140"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"filippo.io/age"
)

// Bounds of recovery files.
const (
	maxRecoveryRecipients = 16
	maxRecoveryFile       = 64 << 10
	maxRecoveryText       = 1 << 10
)

// AgeOption changes what WrapToAge accepts.
type AgeOption int

// AllowClassic accepts classic age1… (X25519) recipients. Only a signed job
// policy may set it, and every report then calls the copy not post-quantum.
const AllowClassic AgeOption = 1

// NewRecoveryIdentity makes a post-quantum age identity (AGE-SECRET-KEY-PQ-1…)
// and its recipient (age1pq1…).
func NewRecoveryIdentity() (identity, recipient string, err error) {
	if fips140.Enforced() {
		return "", "", fmt.Errorf("recovery identity: %w", ErrNotInFIPS)
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", "", fmt.Errorf("recovery identity: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// AgeKeyID is the recipient key id of an age recipient: SHA-256 of its text.
func AgeKeyID(recipient string) [32]byte { return SumSHA256([]byte(recipient)) }

// CheckRecipients says whether WrapToAge would take this list, so that a job
// file is refused when it is made, not when a device is sealed.
func CheckRecipients(recipients []string, options ...AgeOption) error {
	_, err := parseRecipients(recipients, options)
	return err
}

// WrapToAge writes an age v1 file (c2sp.org/age, binary) that any one of the
// recipients opens. Its plaintext is
//
//	sledge recovery key
//	job <hex>
//	device <hex>
//	generation <decimal>
//	key <hex>
//
// so that the age command alone recovers K. Recipients are age1pq1…; classic
// ones need AllowClassic and are never mixed with post-quantum ones, which age
// forbids because the weaker one would decide.
func WrapToAge(recipients []string, k []byte, b WrapBinding, options ...AgeOption) ([]byte, error) {
	if fips140.Enforced() {
		return nil, fmt.Errorf("recovery file: %w", ErrNotInFIPS)
	}
	if err := checkLoadKey(k); err != nil {
		return nil, err
	}
	rs, err := parseRecipients(recipients, options)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, rs...)
	if err != nil {
		return nil, fmt.Errorf("recovery file: %w", err)
	}
	if _, err := w.Write(recoveryText(k, b)); err != nil {
		return nil, fmt.Errorf("recovery file: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("recovery file: %w", err)
	}
	return out.Bytes(), nil
}

// UnwrapAge opens a recovery file with an identity file's text, whose lines may
// be identities, comments or empty. The caller compares the returned binding
// with the device at hand, and KeyCheck(K) with the wrap's signed log entry: age
// does not prove who encrypted. An identity that does not fit is ErrKey; a
// damaged file is ErrCorrupt.
func UnwrapAge(identity string, file []byte) ([]byte, WrapBinding, error) {
	if fips140.Enforced() {
		return nil, WrapBinding{}, fmt.Errorf("recovery file: %w", ErrNotInFIPS)
	}
	if len(file) > maxRecoveryFile {
		return nil, WrapBinding{}, fmt.Errorf("recovery file is %d bytes, at most %d are allowed: %w", len(file), maxRecoveryFile, ErrCorrupt)
	}
	ids, err := age.ParseIdentities(strings.NewReader(identity))
	if err != nil {
		// age's own text is left out: it might repeat a piece of the secret.
		return nil, WrapBinding{}, fmt.Errorf("recovery identity is not an age identity: %w", ErrKey)
	}
	r, err := age.Decrypt(bytes.NewReader(file), ids...)
	if none := new(age.NoIdentityMatchError); errors.As(err, &none) {
		return nil, WrapBinding{}, ErrKey
	}
	if err != nil {
		return nil, WrapBinding{}, fmt.Errorf("recovery file: %v: %w", err, ErrCorrupt)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxRecoveryText+1))
	if err != nil {
		return nil, WrapBinding{}, fmt.Errorf("recovery file: %v: %w", err, ErrCorrupt)
	}
	k, b, ok := parseRecoveryText(text)
	if !ok {
		return nil, WrapBinding{}, fmt.Errorf("recovery file holds no recovery key: %w", ErrCorrupt)
	}
	return k, b, nil
}

// parseRecipients reads the list and holds it to one kind. Its errors name the
// place, not the text: a secret key may have been pasted there by mistake.
func parseRecipients(recipients []string, options []AgeOption) ([]age.Recipient, error) {
	if len(recipients) == 0 || len(recipients) > maxRecoveryRecipients {
		return nil, fmt.Errorf("recovery has %d recipients, 1…%d are allowed", len(recipients), maxRecoveryRecipients)
	}
	allowClassic := false
	for _, o := range options {
		if o != AllowClassic {
			return nil, fmt.Errorf("recovery option %d is unknown", o)
		}
		allowClassic = true
	}
	var out []age.Recipient
	classic := 0
	for i, s := range recipients {
		var r age.Recipient
		var err error
		if strings.HasPrefix(s, "age1pq1") {
			r, err = age.ParseHybridRecipient(s)
		} else {
			classic++
			r, err = age.ParseX25519Recipient(s)
		}
		if err != nil {
			return nil, fmt.Errorf("recovery recipient %d is not an age recipient", i+1)
		}
		out = append(out, r)
	}
	switch {
	case classic > 0 && !allowClassic:
		return nil, fmt.Errorf("recovery recipients include %d classic ones, which are not post-quantum: use age1pq1… recipients, or allow classic ones in the job", classic)
	case classic > 0 && classic < len(out):
		return nil, fmt.Errorf("recovery recipients mix %d classic and %d post-quantum ones: use one kind", classic, len(out)-classic)
	}
	return out, nil
}

func recoveryText(k []byte, b WrapBinding) []byte {
	return fmt.Appendf(nil, "sledge recovery key\njob %x\ndevice %x\ngeneration %d\nkey %x\n", b.JobID, b.DeviceID, b.Generation, k)
}

// ParseRecoveryText reads what the age command decrypts of a recovery file: the text of
// [WrapToAge], exactly. Its errors never repeat the text. age does not prove who
// encrypted: the caller compares binding and key with the device at hand.
func ParseRecoveryText(text string) ([]byte, WrapBinding, error) {
	k, b, ok := parseRecoveryText([]byte(text))
	if !ok {
		return nil, WrapBinding{}, errors.New("it is not the five lines of a recovery key")
	}
	return k, b, nil
}

// CheckIdentities says whether UnwrapAge takes each of these lines as an identity. The
// error names the line by its number, and never repeats it.
func CheckIdentities(lines []string) error {
	if fips140.Enforced() {
		return fmt.Errorf("recovery identity: %w", ErrNotInFIPS)
	}
	if len(lines) == 0 {
		return errors.New("it has no line with an identity")
	}
	for i, line := range lines {
		if _, err := age.ParseIdentities(strings.NewReader(line)); err != nil {
			return fmt.Errorf("identity %d of %d is mistyped, cut off or of a plugin", i+1, len(lines))
		}
	}
	return nil
}

// parseRecoveryText accepts exactly what recoveryText writes.
func parseRecoveryText(text []byte) (k []byte, b WrapBinding, ok bool) {
	lines := strings.Split(string(text), "\n")
	if len(lines) != 6 {
		return nil, WrapBinding{}, false
	}
	job, err1 := hex.DecodeString(strings.TrimPrefix(lines[1], "job "))
	device, err2 := hex.DecodeString(strings.TrimPrefix(lines[2], "device "))
	gen, err3 := strconv.ParseUint(strings.TrimPrefix(lines[3], "generation "), 10, 32)
	k, err4 := hex.DecodeString(strings.TrimPrefix(lines[4], "key "))
	if errors.Join(err1, err2, err3, err4) != nil || len(job) != 16 || len(device) != 16 || len(k) != KeySize {
		return nil, WrapBinding{}, false
	}
	b = WrapBinding{JobID: [16]byte(job), DeviceID: [16]byte(device), Generation: uint32(gen)}
	return k, b, bytes.Equal(recoveryText(k, b), text)
}
