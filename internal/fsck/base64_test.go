package fsck

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

func TestUnbase64(t *testing.T) {
	for text, want := range map[string]string{"": "", "QQ==": "A", "+/A=": "\xfb\xf0"} {
		if got, err := wire.Unbase64(text); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"QR==", "QQ=", "QQ", "QQ===", "QQ==QQ==", "-_A=", " QQ==", "QQ==\n", "Q\nQ==", "Q\rQ==", "\r"} {
		if got, err := wire.Unbase64(text); err == nil {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

// spareBits writes the last base64 of a text with other bits in what its padding leaves unused.
func spareBits(t *testing.T, text []byte) []byte {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	out := bytes.Clone(text)
	end := bytes.LastIndexByte(out, '=')
	for end > 0 && out[end] == '=' {
		end--
	}
	at := strings.IndexByte(alphabet, out[end])
	if at < 0 || at%4 != 0 {
		t.Fatalf("no base64 with padding at the end of %q", text)
	}
	out[end] = alphabet[at+1]
	return out
}

// TestLooseBase64: the same bytes, signed by the right key, in base64 that
// format.md does not allow.
func TestLooseBase64(t *testing.T) {
	lineEnd := func(text []byte) []byte {
		at := bytes.LastIndex(text, []byte(`"sig":"`)) + 20
		return append(append(bytes.Clone(text[:at]), `\n`...), text[at:]...)
	}
	d := makeDevice(t, smallPlan())
	for name, loose := range map[string][]byte{
		"spare bits": spareBits(t, d.job), "line end": lineEnd(d.job),
	} {
		if _, err := wire.OpenJob(loose, d.options().Trust); err == nil {
			t.Errorf("job file, %s: taken", name)
		}
	}
	c, err := wire.ParseCheckpoint(spareBits(t, d.checkpoint))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(public(d.deviceKey)); err == nil {
		t.Error("checkpoint: taken")
	}
	proof := string(d.proof(0))
	lines := strings.SplitAfter(proof, "\n")
	for n := range strings.Count(proof[:strings.Index(proof, "\n\n")], "\n") + 1 {
		if _, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[n], "extra ")); err != nil {
			continue // the magic and the index
		}
		changed := append([]string{}, lines...)
		changed[n] = strings.TrimSuffix(changed[n], "\n") + "\r\n"
		if _, err := VerifyProof([]byte(strings.Join(changed, "")), *d.options().Trust); err == nil {
			t.Errorf("proof, line %d with a carriage return: taken", n)
		}
	}
}
