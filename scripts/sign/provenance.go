package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
)

const (
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	bundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	buildType     = "https://github.com/sledge-io/sledge/release/v1"
	repository    = "git+https://github.com/sledge-io/sledge"
)

type digest map[string]string

type subject struct {
	Name   string `json:"name"`
	Digest digest `json:"digest"`
}

type dependency struct {
	URI    string `json:"uri"`
	Digest digest `json:"digest,omitempty"`
}

// statement is SLSA provenance v1, as far as a release of ours says it.
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     struct {
		BuildDefinition struct {
			BuildType            string            `json:"buildType"`
			ExternalParameters   map[string]string `json:"externalParameters"`
			ResolvedDependencies []dependency      `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		RunDetails struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
		} `json:"runDetails"`
	} `json:"predicate"`
}

// bundle is a Sigstore bundle around a DSSE envelope, signed with a key that verifiers have, and
// in no public log.
type bundle struct {
	MediaType    string `json:"mediaType"`
	Verification struct {
		PublicKey struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
		Log []any `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope struct {
		Payload     []byte      `json:"payload"`
		PayloadType string      `json:"payloadType"`
		Signatures  []signature `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type signature struct {
	Sig   []byte `json:"sig"`
	KeyID string `json:"keyid"`
}

// provenance says what was built, from which commit, and by which Go.
func (r release) provenance(files []subject) statement {
	s := statement{Type: statementType, Subject: files, PredicateType: predicateType}
	d := &s.Predicate.BuildDefinition
	d.BuildType = buildType
	d.ExternalParameters = map[string]string{"version": r.version, "commit": r.commit}
	d.ResolvedDependencies = []dependency{{repository + "@" + r.commit, digest{"gitCommit": r.commit}}, {"pkg:golang/stdlib@" + runtime.Version(), nil}}
	s.Predicate.RunDetails.Builder.ID = buildType + "/scripts/release.sh"
	return s
}

// encoded is what a DSSE signature is over.
func encoded(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

func signStatement(s statement, key ed25519.PrivateKey) ([]byte, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	id := keyID(key.Public().(ed25519.PublicKey))
	b := bundle{MediaType: bundleType}
	b.Verification.PublicKey.Hint, b.Verification.Log = id, []any{}
	b.Envelope.Payload, b.Envelope.PayloadType = payload, payloadType
	b.Envelope.Signatures = []signature{{ed25519.Sign(key, encoded(payload)), id}}
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

// openStatement is the statement of a bundle that the key has signed.
func openStatement(text []byte, key ed25519.PublicKey) (s statement, err error) {
	var b bundle
	if err := json.Unmarshal(text, &b); err != nil {
		return s, err
	}
	if b.Envelope.PayloadType != payloadType || len(b.Envelope.Signatures) != 1 || !ed25519.Verify(key, encoded(b.Envelope.Payload), b.Envelope.Signatures[0].Sig) {
		return s, errors.New("the provenance has no signature of this key")
	}
	if err := json.Unmarshal(b.Envelope.Payload, &s); err != nil {
		return s, err
	}
	if s.Type != statementType || s.PredicateType != predicateType {
		return s, fmt.Errorf("the statement is %q of %q, and no provenance", s.Type, s.PredicateType)
	}
	return s, nil
}

// keyID is the SHA-256 of the key as SubjectPublicKeyInfo has it, as everywhere in sledge.
func keyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, key...))
	return hex.EncodeToString(sum[:])
}
