package fsck

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path"
)

const (
	payloadType         = "application/vnd.in-toto+json"
	statementType       = "https://in-toto.io/Statement/v1"
	predicateBase       = "https://github.com/sledge-io/sledge/statement/"
	jobPredicate        = predicateBase + "job/v1"
	sealPredicate       = predicateBase + "seal/v1"
	totalPredicate      = predicateBase + "receipt/v1"
	acceptancePredicate = predicateBase + "acceptance/v1"
	commitPredicate     = predicateBase + "commit/v1"
	maxSignatures       = 64
)

var errSignature = errors.New("signature does not verify")

// envelope is a DSSE envelope (format.md 8) not yet verified.
type envelope struct {
	payload []byte
	sigs    [][]byte
}

func parseEnvelope(b []byte) (*envelope, error) {
	o, err := parseObject(b)
	if err != nil {
		return nil, err
	}
	kind, err := o.text("payloadType")
	if err != nil {
		return nil, err
	}
	if kind != payloadType {
		return nil, fmt.Errorf("%w: payload type %q", errMalformed, kind)
	}
	e := &envelope{}
	if e.payload, err = o.base64("payload"); err != nil {
		return nil, err
	}
	sigs, err := o.objects("signatures")
	if err != nil {
		return nil, err
	}
	if len(sigs) == 0 || len(sigs) > maxSignatures {
		return nil, fmt.Errorf("%w: %d signatures", errMalformed, len(sigs))
	}
	for _, s := range sigs {
		text, err := s.text("sig")
		if err != nil {
			return nil, err
		}
		var hint string
		if err := s.maybe("keyid", &hint); err != nil {
			return nil, err
		}
		sig, err := unbase64(text)
		if err != nil {
			return nil, fmt.Errorf("%w: signature: %v", errMalformed, err)
		}
		e.sigs = append(e.sigs, sig)
	}
	return e, nil
}

// verify succeeds if one of the signatures is by the key; keyid is only a hint.
func (e *envelope) verify(key ed25519.PublicKey) error {
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(e.payload))
	pae = append(pae, e.payload...)
	for _, sig := range e.sigs {
		if len(sig) == ed25519.SignatureSize && ed25519.Verify(key, pae, sig) {
			return nil
		}
	}
	return errSignature
}

// signedBy gives the first of the keys that signed, or nil.
func (e *envelope) signedBy(keys []ed25519.PublicKey) ed25519.PublicKey {
	for _, key := range keys {
		if e.verify(key) == nil {
			return key
		}
	}
	return nil
}

// statement is an in-toto Statement v1.
type statement struct {
	subjects  map[string]string // name → SHA-256 in hexadecimal
	predicate object
}

func (e *envelope) statement(predicateType string) (*statement, error) {
	o, err := parseObject(e.payload)
	if err != nil {
		return nil, err
	}
	for name, want := range map[string]string{"_type": statementType, "predicateType": predicateType} {
		if got, err := o.text(name); err != nil {
			return nil, err
		} else if path.Dir(got) == path.Dir(want) && got != want {
			return nil, fmt.Errorf("%w: %s %q", ErrVersion, name, got)
		} else if got != want {
			return nil, fmt.Errorf("%w: %s %q, not %q", errMalformed, name, got, want)
		}
	}
	s := &statement{subjects: map[string]string{}}
	if s.predicate, err = o.object("predicate"); err != nil {
		return nil, err
	}
	subjects, err := o.objects("subject")
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

func (s *statement) addSubject(o object) error {
	name, err := o.text("name")
	if err != nil {
		return err
	}
	digest, err := o.object("digest")
	if err != nil {
		return err
	}
	sum, err := digest.text("sha256")
	if err != nil {
		return err
	}
	if len(sum) != 64 || !lowerHex(sum) {
		return fmt.Errorf("%w: digest of %q", errMalformed, name)
	}
	if _, twice := s.subjects[name]; twice {
		return fmt.Errorf("%w: subject %q twice", errMalformed, name)
	}
	s.subjects[name] = sum
	return nil
}

// carriedJob is the job file inside a statement that carries it. It is read before
// the statement's signature is checked, which is safe: its own signature is next.
func (e *envelope) carriedJob() ([]byte, error) {
	o, err := parseObject(e.payload)
	if err != nil {
		return nil, err
	}
	predicate, err := o.object("predicate")
	if err != nil {
		return nil, err
	}
	return predicate.base64("job_file")
}
