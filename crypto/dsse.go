package crypto

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxEnvelope           = 1 << 20
	maxEnvelopeSignatures = 64
	maxPayloadType        = 256
)

// Envelope is the JSON of a DSSE v1 envelope, as it is written.
type Envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     string              `json:"payload"` // base64
	Signatures  []EnvelopeSignature `json:"signatures"`
}

// EnvelopeSignature is one signature over the envelope's PAE. KeyID is a hint
// and proves nothing.
type EnvelopeSignature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"` // base64
}

// SignDSSE signs exactly these payload bytes with each key and returns the
// envelope. What is signed is DSSE's pre-authentication encoding:
//
//	"DSSEv1" SP len(type) SP type SP len(payload) SP payload
func SignDSSE(payloadType string, payload []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	if payloadType == "" || len(payloadType) > maxPayloadType || !utf8.ValidString(payloadType) {
		return nil, fmt.Errorf("envelope: payload type is not 1…%d bytes of UTF-8", maxPayloadType)
	}
	if len(keys) == 0 || len(keys) > maxEnvelopeSignatures {
		return nil, fmt.Errorf("envelope: %d signing keys, 1…%d are allowed", len(keys), maxEnvelopeSignatures)
	}
	env := Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(payload)}
	msg := pae(payloadType, payload)
	for _, key := range keys {
		if len(key) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("envelope: signing key is %d bytes, want %d", len(key), ed25519.PrivateKeySize)
		}
		env.Signatures = append(env.Signatures, EnvelopeSignature{
			KeyID: KeyID(key.Public().(ed25519.PublicKey)),
			Sig:   base64.StdEncoding.EncodeToString(ed25519.Sign(key, msg)),
		})
	}
	out, err := json.Marshal(env)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	if len(out) > maxEnvelope {
		return nil, fmt.Errorf("envelope is %d bytes, at most %d are allowed", len(out), maxEnvelope)
	}
	return out, nil
}

// OpenDSSE returns the payload of an envelope of type wantType and those of the
// keys, each at most once and in the order given, that signed it. At least one
// did, else the error is ErrSignature and nothing is returned; whether these
// signers are enough is for the caller to judge. Key ids are not looked at, and
// signatures by other keys do not matter. Nothing of the payload is interpreted.
func OpenDSSE(env []byte, wantType string, keys ...ed25519.PublicKey) ([]byte, []ed25519.PublicKey, error) {
	if len(keys) > maxEnvelopeSignatures {
		return nil, nil, fmt.Errorf("envelope: %d trusted keys, at most %d are allowed", len(keys), maxEnvelopeSignatures)
	}
	e, err := parseEnvelope(env)
	if err != nil {
		return nil, nil, fmt.Errorf("envelope: %w: %w", err, ErrSignature)
	}
	msg := pae(e.payloadType, e.payload)
	var signers []ed25519.PublicKey
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			return nil, nil, fmt.Errorf("envelope: trusted key is %d bytes, want %d", len(key), ed25519.PublicKeySize)
		}
		known := slices.ContainsFunc(signers, func(k ed25519.PublicKey) bool { return bytes.Equal(k, key) })
		signed := slices.ContainsFunc(e.sigs, func(sig []byte) bool { return ed25519.Verify(key, msg, sig) })
		if signed && !known {
			signers = append(signers, key)
		}
	}
	if len(signers) == 0 {
		return nil, nil, fmt.Errorf("envelope: none of %d signatures is by a trusted key: %w", len(e.sigs), ErrSignature)
	}
	if e.payloadType != wantType {
		return nil, nil, fmt.Errorf("envelope: payload type is %.80q, want %q: %w", e.payloadType, wantType, ErrSignature)
	}
	return e.payload, signers, nil
}

// PeekDSSE returns what an envelope claims, UNVERIFIED: the bytes may be
// anyone's. It is for saying which key a file names before that key is known,
// and for nothing else.
func PeekDSSE(env []byte) (payloadType string, payload []byte, keyids []string, err error) {
	e, err := parseEnvelope(env)
	if err != nil {
		return "", nil, nil, fmt.Errorf("envelope: %w", err)
	}
	return e.payloadType, e.payload, e.keyids, nil
}

// pae is the pre-authentication encoding of DSSE v1.
func pae(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+48)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// envelope is a decoded envelope; sigs and keyids run in step.
type envelope struct {
	payloadType string
	payload     []byte
	sigs        [][]byte
	keyids      []string
}

// parseEnvelope reads the JSON so that it has one meaning for every reader:
// names are compared exactly and none is given twice, base64 is canonical and of
// the standard alphabet (DSSE would allow the URL alphabet, too), nothing follows
// the object. Unknown fields are skipped.
func parseEnvelope(b []byte) (*envelope, error) {
	if len(b) > maxEnvelope {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(b), maxEnvelope)
	}
	fields, err := jsonFields(b)
	if err != nil {
		return nil, err
	}
	if err := checkNames(b); err != nil {
		return nil, err
	}
	e := new(envelope)
	if e.payloadType, err = jsonString(fields, "payloadType"); err != nil {
		return nil, err
	}
	if e.payloadType == "" || len(e.payloadType) > maxPayloadType {
		return nil, fmt.Errorf("payload type has %d bytes", len(e.payloadType))
	}
	if e.payload, err = jsonBase64(fields, "payload"); err != nil {
		return nil, err
	}
	var sigs []json.RawMessage
	if err := json.Unmarshal(fields["signatures"], &sigs); err != nil {
		return nil, fmt.Errorf("signatures are not a list")
	}
	if len(sigs) == 0 || len(sigs) > maxEnvelopeSignatures {
		return nil, fmt.Errorf("%d signatures, 1…%d are allowed", len(sigs), maxEnvelopeSignatures)
	}
	for i, raw := range sigs {
		if err := e.addSignature(raw); err != nil {
			return nil, fmt.Errorf("signature %d: %w", i, err)
		}
	}
	return e, nil
}

func (e *envelope) addSignature(raw []byte) error {
	fields, err := jsonFields(raw)
	if err != nil {
		return err
	}
	sig, err := jsonBase64(fields, "sig")
	if err != nil {
		return err
	}
	keyid := ""
	if raw, ok := fields["keyid"]; ok && string(raw) != "null" { // null is absent, as everywhere
		if keyid, err = jsonString(fields, "keyid"); err != nil {
			return err
		}
	}
	e.sigs, e.keyids = append(e.sigs, sig), append(e.keyids, keyid)
	return nil
}

// jsonFields splits one JSON object, with nothing around it, into its fields.
func jsonFields(b []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(b) {
		return nil, fmt.Errorf("not one JSON value")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	fields := make(map[string]json.RawMessage)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("malformed JSON: %w", err)
		}
		name := t.(string) // a valid object's key
		if _, ok := fields[name]; ok {
			return nil, fmt.Errorf("field %.40q is given twice", name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("malformed JSON: %w", err)
		}
		fields[name] = raw
	}
	return fields, nil
}

func jsonString(fields map[string]json.RawMessage, name string) (string, error) {
	var s *string
	raw, ok := fields[name]
	if !ok {
		return "", fmt.Errorf("%s is missing", name)
	}
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return *s, nil
}

func jsonBase64(fields map[string]json.RawMessage, name string) ([]byte, error) {
	s, err := jsonString(fields, name)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%s is not canonical base64", name)
	}
	return b, nil
}
