package crypto

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
)

const statementType = "application/vnd.in-toto+json"

func mustEnvelope(t testing.TB, payload string, keys ...ed25519.PrivateKey) []byte {
	t.Helper()
	env, err := SignDSSE(statementType, []byte(payload), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// TestPAE is the example of the DSSE specification.
func TestPAE(t *testing.T) {
	got := pae("http://example.com/HelloWorld", []byte("hello world"))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDSSE(t *testing.T) {
	a, b, c := testKey("a"), testKey("b"), testKey("c")
	payload := "{\"x\": 1}\n\x00 not only JSON"
	env := mustEnvelope(t, payload, a, b)
	tests := []struct {
		name string
		keys []ed25519.PrivateKey
		want []ed25519.PrivateKey
	}{
		{"one", []ed25519.PrivateKey{a}, []ed25519.PrivateKey{a}},
		{"both, in our order", []ed25519.PrivateKey{b, a}, []ed25519.PrivateKey{b, a}},
		{"a stranger too", []ed25519.PrivateKey{c, b}, []ed25519.PrivateKey{b}},
		{"one key twice", []ed25519.PrivateKey{a, a}, []ed25519.PrivateKey{a}},
	}
	for _, tt := range tests {
		var keys []ed25519.PublicKey
		for _, k := range tt.keys {
			keys = append(keys, public(k))
		}
		got, signers, err := OpenDSSE(env, statementType, keys...)
		if err != nil || string(got) != payload || len(signers) != len(tt.want) {
			t.Errorf("%s: %q, %d signers, %v", tt.name, got, len(signers), err)
			continue
		}
		for i, k := range tt.want {
			if !public(k).Equal(signers[i]) {
				t.Errorf("%s: signer %d is another", tt.name, i)
			}
		}
	}
	for name, open := range map[string]func() error{
		"a stranger":   func() error { _, _, err := OpenDSSE(env, statementType, public(c)); return err },
		"no key":       func() error { _, _, err := OpenDSSE(env, statementType); return err },
		"another type": func() error { _, _, err := OpenDSSE(env, "text/plain", public(a)); return err },
	} {
		if err := open(); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	typ, peeked, ids, err := PeekDSSE(env)
	if err != nil || typ != statementType || string(peeked) != payload || len(ids) != 2 || ids[0] != KeyID(public(a)) {
		t.Errorf("peek: %s %q %v %v", typ, peeked, ids, err)
	}
}

func TestDSSEBits(t *testing.T) {
	a := testKey("a")
	env := mustEnvelope(t, "payload", a)
	for bit := range len(env) * 8 {
		got, _, err := OpenDSSE(flipBit(env, bit), statementType, public(a))
		if err == nil && string(got) != "payload" || err != nil && !errors.Is(err, ErrSignature) {
			t.Fatalf("bit %d: %q, %v", bit, got, err)
		}
	}
}

// TestDSSEForms writes envelopes as others write them, and as nobody should.
func TestDSSEForms(t *testing.T) {
	a := testKey("a")
	payload := []byte("??>>payload") // has + and / in base64
	std := base64.StdEncoding.EncodeToString(payload)
	url := base64.URLEncoding.EncodeToString(payload)
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(a, pae(statementType, payload)))
	loose := strings.TrimRight(std, "=")
	one := `{"sig":"` + sig + `"}`
	form := func(payload, sigs string) string {
		return `{"payloadType":"` + statementType + `","payload":"` + payload + `","signatures":[` + sigs + `]}`
	}
	tests := []struct {
		name, env string
		ok        bool
	}{
		{"plain", form(std, one), true},
		{"URL alphabet", form(url, one), false},
		{"white space around", " \n" + form(std, one) + "\n", true},
		{"unknown fields", strings.Replace(form(std, `{"cert":{"a":[1]},"sig":"`+sig+`"}`), "{", `{"extra":{"payload":"x"},`, 1), true},
		{"a lying key id", form(std, `{"keyid":"`+KeyID(public(testKey("b")))+`","sig":"`+sig+`"}`), true},
		{"a wrong signature first", form(std, `{"sig":"AAAA"},`+one), true},
		{"64 signatures", form(std, strings.Repeat(`{"sig":""},`, 63)+one), true},
		{"65 signatures", form(std, strings.Repeat(`{"sig":""},`, 64)+one), false},
		{"no signatures", form(std, ""), false},
		{"trailing data", form(std, one) + "{}", false},
		{"trailing letter", form(std, one) + "x", false},
		{"payload twice", strings.Replace(form(std, one), "{", `{"payload":"",`, 1), false},
		{"signature twice", form(std, `{"sig":"`+sig+`","sig":"`+sig+`"}`), false},
		{"upper case names", strings.Replace(form(std, one), "payload\"", "Payload\"", 1), false},
		{"no padding", form(loose, one), false},
		{"both alphabets", form(std+"-_", one), false},
		{"newline in base64", form(`\n`+std, one), false},
		{"payload null", strings.Replace(form(std, one), `"`+std+`"`, "null", 1), false},
		{"payload a number", strings.Replace(form(std, one), `"`+std+`"`, "1", 1), false},
		{"signatures null", strings.Replace(form(std, one), "["+one+"]", "null", 1), false},
		{"signatures missing", `{"payloadType":"x","payload":""}`, false},
		{"signature a string", form(std, `"`+sig+`"`), false},
		{"key id a number", form(std, `{"keyid":1,"sig":"`+sig+`"}`), false},
		{"no type", strings.Replace(form(std, one), statementType, "", 1), false},
		{"long type", strings.Replace(form(std, one), statementType, strings.Repeat("x", 257), 1), false},
		{"a list", "[" + form(std, one) + "]", false},
		{"empty", "", false},
		{"too big", form(std, one) + strings.Repeat(" ", maxEnvelope), false},
	}
	for _, tt := range tests {
		got, signers, err := OpenDSSE([]byte(tt.env), statementType, public(a))
		if tt.ok && (err != nil || !bytes.Equal(got, payload) || len(signers) != 1) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.ok && (!errors.Is(err, ErrSignature) || got != nil || signers != nil) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

func TestDSSERefusals(t *testing.T) {
	a := testKey("a")
	keys := make([]ed25519.PrivateKey, maxEnvelopeSignatures+1)
	for i := range keys {
		keys[i] = a
	}
	for name, sign := range map[string]func() ([]byte, error){
		"no key":        func() ([]byte, error) { return SignDSSE("t", nil) },
		"too many keys": func() ([]byte, error) { return SignDSSE("t", nil, keys...) },
		"a cut key":     func() ([]byte, error) { return SignDSSE("t", nil, a[:32]) },
		"no type":       func() ([]byte, error) { return SignDSSE("", nil, a) },
		"long type":     func() ([]byte, error) { return SignDSSE(strings.Repeat("t", 257), nil, a) },
		"type in bytes": func() ([]byte, error) { return SignDSSE("\xff", nil, a) },
		"too big":       func() ([]byte, error) { return SignDSSE("t", make([]byte, maxEnvelope), a) },
	} {
		if env, err := sign(); err == nil {
			t.Errorf("%s: signed %.80q", name, env)
		}
	}
	env := mustEnvelope(t, "", a)
	if _, _, err := OpenDSSE(env, statementType, public(a)); err != nil {
		t.Errorf("an empty payload: %v", err)
	}
	if _, _, err := OpenDSSE(env, statementType, public(a)[:31]); err == nil {
		t.Error("a cut trusted key was taken")
	}
	var e Envelope
	if err := json.Unmarshal(env, &e); err != nil || e.PayloadType != statementType || len(e.Signatures) != 1 {
		t.Errorf("%s: %v", env, err)
	}
}

// FuzzDSSE: whatever opens under a key is what that key signed.
func FuzzDSSE(f *testing.F) {
	a, b := testKey("a"), testKey("b")
	env := mustEnvelope(f, "payload", a, b)
	f.Add(env)
	f.Add(mustEnvelope(f, "other", b))
	f.Add(bytes.Replace(env, []byte("{"), []byte(`{"extra":[],`), 1))
	f.Add([]byte(`{"payloadType":"t","payload":"","signatures":[{"sig":""}]}`))
	f.Add([]byte(`{"payload":1}`))
	f.Fuzz(func(t *testing.T, m []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		got, signers, err := OpenDSSE(m, statementType, public(a))
		if err != nil {
			if got != nil || signers != nil || !errors.Is(err, ErrSignature) {
				t.Fatalf("%v with %q", err, got)
			}
			return
		}
		if string(got) != "payload" || len(signers) != 1 || !public(a).Equal(signers[0]) {
			t.Fatalf("opened an envelope that was not signed: %q", m)
		}
		if _, peeked, _, err := PeekDSSE(m); err != nil || !bytes.Equal(peeked, got) {
			t.Fatalf("peek differs: %v", err)
		}
	})
}
