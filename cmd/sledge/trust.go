package main

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/manifest"
)

// parseTrust reads --trust: the name of a public key file, or a fingerprint.
func parseTrust(s string) (ed25519.PublicKey, string, error) { return keyless.ParseTrust(s) }

// trustedKey is the key that --trust names. A fingerprint needs the key itself
// from somewhere: a job file may show its signer's.
func trustedKey(s string, jobFile []byte) (ed25519.PublicKey, error) {
	key, fingerprint, err := parseTrust(s)
	if err != nil || key != nil {
		return key, err
	}
	shown, err := shownSigner(jobFile)
	if err != nil {
		return nil, err
	}
	if crypto.Fingerprint(shown) != fingerprint {
		return nil, fmt.Errorf("%w: signed by %s, not by %s: %w", errJobFile, crypto.Fingerprint(shown), fingerprint, manifest.ErrUnverified)
	}
	return shown, nil
}

// shownSigner is the public key that a job file claims to be signed with. It
// counts for nothing until its fingerprint has been compared.
func shownSigner(jobFile []byte) (ed25519.PublicKey, error) {
	_, payload, _, err := crypto.PeekDSSE(jobFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errJobFile, err)
	}
	var claim struct {
		Predicate struct {
			Signer manifest.PublicKey `json:"signer"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(payload, &claim); err != nil || claim.Predicate.Signer.PublicKey == nil {
		return nil, hint(usagef("the job file does not show its signer's key, so a fingerprint alone proves nothing"), "give the key file: --trust signer.pub")
	}
	return claim.Predicate.Signer.PublicKey, nil
}
