package crypto

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

const sigstoreMedia = "application/vnd.dev.sigstore.bundle.v0.3+json"

// SigstoreBundle is an envelope as a Sigstore bundle for offline tools, with the one signature
// of the key, which is verified. It names no public log: none is used.
func SigstoreBundle(env []byte, wantType string, key ed25519.PublicKey) ([]byte, error) {
	payload, _, err := OpenDSSE(env, wantType, key)
	if err != nil {
		return nil, err
	}
	e, err := parseEnvelope(env)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	msg, id := pae(wantType, payload), KeyID(key)
	one := Envelope{PayloadType: wantType, Payload: base64.StdEncoding.EncodeToString(payload)}
	for _, sig := range e.sigs {
		if len(one.Signatures) == 0 && ed25519.Verify(key, msg, sig) {
			one.Signatures = []EnvelopeSignature{{KeyID: id, Sig: base64.StdEncoding.EncodeToString(sig)}}
		}
	}
	type hint struct {
		Hint string `json:"hint"`
	}
	bundle := struct {
		MediaType    string `json:"mediaType"`
		Verification struct {
			PublicKey hint  `json:"publicKey"`
			Entries   []int `json:"tlogEntries"`
		} `json:"verificationMaterial"`
		Envelope Envelope `json:"dsseEnvelope"`
	}{MediaType: sigstoreMedia, Envelope: one}
	bundle.Verification.PublicKey, bundle.Verification.Entries = hint{id}, []int{}
	out, err := json.Marshal(bundle)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return append(bytes.TrimSpace(out), '\n'), nil
}
