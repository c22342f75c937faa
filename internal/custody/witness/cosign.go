package witness

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// ErrCosignature: this is no cosignature of this checkpoint by this key.
var ErrCosignature = errors.New("cosignature does not verify")

// cosigned is what a cosignature/v1 signs (c2sp.org/tlog-cosignature). It does not hold
// the cosigner's name: that is why a key has one name only.
func cosigned(text string, at uint64) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
}

// Cosign makes the signature line of a checkpoint.
func Cosign(checkpoint []byte, name string, key ed25519.PrivateKey, now time.Time) ([]byte, error) {
	k, err := manifest.NewCosignerKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	if now.Unix() <= 0 {
		return nil, fmt.Errorf("the clock says %s: a cosignature needs a time", now.UTC().Format(time.RFC3339))
	}
	text, _, ok := strings.Cut(string(checkpoint), "\n\n")
	if !ok {
		return nil, fmt.Errorf("%w: no checkpoint", ErrMalformed)
	}
	at := uint64(now.Unix())
	id := k.ID()
	sig := binary.BigEndian.AppendUint64(id[:], at)
	sig = append(sig, ed25519.Sign(key, cosigned(text+"\n", at))...)
	return fmt.Appendf(nil, "— %s %s\n", name, base64.StdEncoding.EncodeToString(sig)), nil
}

// OpenCosignature finds the key's signature among the lines of an answer and tells the line
// and the time that it was made at, by the cosigner's clock.
func OpenCosignature(checkpoint, lines []byte, k manifest.CosignerKey) (line []byte, at time.Time, err error) {
	text, _, ok := strings.Cut(string(checkpoint), "\n\n")
	if !ok {
		return nil, at, fmt.Errorf("%w: no checkpoint", ErrMalformed)
	}
	lines = bytes.ReplaceAll(lines, []byte("\r\n"), []byte("\n"))
	for l := range strings.SplitSeq(strings.TrimRight(string(lines), "\n"), "\n") {
		raw, ok := signatureOf(l, k.Name)
		id := k.ID()
		if !ok || !bytes.Equal(raw[:4], id[:]) {
			continue
		}
		seconds := binary.BigEndian.Uint64(raw[4:12])
		if seconds == 0 || seconds > math.MaxInt64 {
			return nil, at, fmt.Errorf("%w: its time is %d", ErrCosignature, seconds)
		}
		if !ed25519.Verify(k.Key, cosigned(text+"\n", seconds), raw[12:]) {
			return nil, at, fmt.Errorf("%w: %s signed something else", ErrCosignature, k.Name)
		}
		return []byte(l + "\n"), time.Unix(int64(seconds), 0).UTC(), nil
	}
	return nil, at, fmt.Errorf("%w: no line by %s", ErrCosignature, k.Name)
}

// signatureOf takes apart a line of a cosigner with this name.
func signatureOf(line, name string) ([]byte, bool) {
	text, ok := strings.CutPrefix(line, "— "+name+" ")
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, ok && err == nil && len(raw) == 4+8+ed25519.SignatureSize
}
