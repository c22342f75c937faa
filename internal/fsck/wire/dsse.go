package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path"
)

const (
	PayloadType         = "application/vnd.in-toto+json"
	StatementType       = "https://in-toto.io/Statement/v1"
	PredicateBase       = "https://github.com/sledge-io/sledge/statement/"
	JobPredicate        = PredicateBase + "job/v1"
	SealPredicate       = PredicateBase + "seal/v1"
	TotalPredicate      = PredicateBase + "receipt/v1"
	AcceptancePredicate = PredicateBase + "acceptance/v1"
	CommitPredicate     = PredicateBase + "commit/v1"
	maxSignatures       = 64
)

// ErrSignature marks what its expected key did not sign.
var ErrSignature = errors.New("signature does not verify")

// Envelope is a DSSE envelope (format.md 8) not yet verified.
type Envelope struct {
	Payload []byte
	sigs    [][]byte
}

// ParseEnvelope verifies no signature.
func ParseEnvelope(b []byte) (*Envelope, error) {
	o, err := ParseObject(b)
	if err != nil {
		return nil, err
	}
	kind, err := o.Text("payloadType")
	if err != nil {
		return nil, err
	}
	if kind != PayloadType {
		return nil, fmt.Errorf("%w: payload type %q", ErrMalformed, kind)
	}
	e := &Envelope{}
	if e.Payload, err = o.Base64("payload"); err != nil {
		return nil, err
	}
	sigs, err := o.Objects("signatures")
	if err != nil {
		return nil, err
	}
	if len(sigs) == 0 || len(sigs) > maxSignatures {
		return nil, fmt.Errorf("%w: %d signatures", ErrMalformed, len(sigs))
	}
	for _, s := range sigs {
		text, err := s.Text("sig")
		if err != nil {
			return nil, err
		}
		var hint string
		if err := s.Maybe("keyid", &hint); err != nil {
			return nil, err
		}
		sig, err := Unbase64(text)
		if err != nil {
			return nil, fmt.Errorf("%w: signature: %v", ErrMalformed, err)
		}
		e.sigs = append(e.sigs, sig)
	}
	return e, nil
}

// Verify succeeds if one of the signatures is by the key; keyid is only a hint.
func (e *Envelope) Verify(key ed25519.PublicKey) error {
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(PayloadType), PayloadType, len(e.Payload))
	pae = append(pae, e.Payload...)
	for _, sig := range e.sigs {
		if len(sig) == ed25519.SignatureSize && ed25519.Verify(key, pae, sig) {
			return nil
		}
	}
	return ErrSignature
}

// SignedBy gives the first of the keys that signed, or nil.
func (e *Envelope) SignedBy(keys []ed25519.PublicKey) ed25519.PublicKey {
	for _, key := range keys {
		if e.Verify(key) == nil {
			return key
		}
	}
	return nil
}

// Statement is an in-toto Statement v1.
type Statement struct {
	Subjects  map[string]string // name → SHA-256 in hexadecimal
	Predicate Object
}

// Statement reads the payload, whoever signed it: the caller has verified it. A predicate of
// another type is [ErrMalformed], one of another version of its type [ErrVersion].
func (e *Envelope) Statement(predicateType string) (*Statement, error) {
	o, err := ParseObject(e.Payload)
	if err != nil {
		return nil, err
	}
	for name, want := range map[string]string{"_type": StatementType, "predicateType": predicateType} {
		if got, err := o.Text(name); err != nil {
			return nil, err
		} else if path.Dir(got) == path.Dir(want) && got != want {
			return nil, fmt.Errorf("%w: %s %q", ErrVersion, name, got)
		} else if got != want {
			return nil, fmt.Errorf("%w: %s %q, not %q", ErrMalformed, name, got, want)
		}
	}
	s := &Statement{Subjects: map[string]string{}}
	if s.Predicate, err = o.Object("predicate"); err != nil {
		return nil, err
	}
	subjects, err := o.Objects("subject")
	if err != nil {
		return nil, err
	}
	for _, subject := range subjects {
		if err := s.addSubject(subject); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Statement) addSubject(o Object) error {
	name, err := o.Text("name")
	if err != nil {
		return err
	}
	digest, err := o.Object("digest")
	if err != nil {
		return err
	}
	sum, err := digest.Text("sha256")
	if err != nil {
		return err
	}
	if len(sum) != 64 || !LowerHex(sum) {
		return fmt.Errorf("%w: digest of %q", ErrMalformed, name)
	}
	if _, twice := s.Subjects[name]; twice {
		return fmt.Errorf("%w: subject %q twice", ErrMalformed, name)
	}
	s.Subjects[name] = sum
	return nil
}

// CarriedJob is the job file inside a statement that carries it. It is read before
// the statement's signature is checked, which is safe: its own signature is next.
func (e *Envelope) CarriedJob() ([]byte, error) {
	o, err := ParseObject(e.Payload)
	if err != nil {
		return nil, err
	}
	predicate, err := o.Object("predicate")
	if err != nil {
		return nil, err
	}
	return predicate.Base64("job_file")
}
