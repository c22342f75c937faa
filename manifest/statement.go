package manifest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// PayloadType is the DSSE payload type of every statement (section 8).
const PayloadType = "application/vnd.in-toto+json"

const statementType = "https://in-toto.io/Statement/v1"

// Predicate types.
const (
	predicateBase    = "https://github.com/sledge-io/sledge/statement/"
	PredicateJob     = predicateBase + "job/v0"
	PredicateSeal    = predicateBase + "seal/v0"
	PredicateReceipt = predicateBase + "receipt/v0"
)

// Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// SHA256Subject names bytes by their SHA-256.
func SHA256Subject(name string, b []byte) Subject {
	sum := crypto.SumSHA256(b)
	return Subject{Name: name, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}}
}

// Statement is an in-toto Statement v1.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// SignStatement makes a DSSE envelope over an in-toto statement.
func SignStatement(predicateType string, subjects []Subject, predicate any, keys ...ed25519.PrivateKey) ([]byte, error) {
	p, err := json.Marshal(predicate)
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(Statement{Type: statementType, Subject: subjects, PredicateType: predicateType, Predicate: p})
	if err != nil {
		return nil, err
	}
	env, err := crypto.SignDSSE(PayloadType, payload, keys...)
	if err == nil && len(env) > MaxStatement {
		err = fmt.Errorf("statement of %d bytes is over the limit of %d", len(env), MaxStatement)
	}
	return env, err
}

// OpenStatement verifies an envelope with at least one of the keys, over the
// exact bytes, and only then decodes its predicate into dst.
func OpenStatement(env []byte, predicateType string, dst any, keys ...ed25519.PublicKey) (*Statement, []ed25519.PublicKey, error) {
	if len(env) > MaxStatement {
		return nil, nil, fmt.Errorf("%w: statement of %d bytes", ErrCorrupt, len(env))
	}
	payload, signers, err := crypto.OpenDSSE(env, PayloadType, keys...)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnverified, err)
	}
	st, err := decodeStatement(payload, predicateType, dst)
	return st, signers, err
}

func decodeStatement(payload []byte, predicateType string, dst any) (*Statement, error) {
	var st Statement
	if err := json.Unmarshal(payload, &st); err != nil {
		return nil, fmt.Errorf("%w: statement: %w", ErrCorrupt, err)
	}
	if st.Type != statementType || st.PredicateType != predicateType {
		return nil, fmt.Errorf("%w: statement of type %q, want %q", ErrCorrupt, st.PredicateType, predicateType)
	}
	if err := checkVersion(st.Predicate, dst); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(st.Predicate, dst); err != nil {
		return nil, fmt.Errorf("%w: statement: %w", ErrCorrupt, err)
	}
	return &st, nil
}

// checkVersion applies P18 to JSON: the version first, then the names that a
// reader must know.
func checkVersion(predicate json.RawMessage, dst any) error {
	var head struct {
		Version  *int     `json:"version"`
		Critical []string `json:"critical"`
	}
	if err := json.Unmarshal(predicate, &head); err != nil || head.Version == nil {
		return fmt.Errorf("%w: statement without a version", ErrCorrupt)
	}
	if *head.Version != Version {
		return fmt.Errorf("statement of version %d: %w", *head.Version, ErrUnsupportedVersion)
	}
	known, err := json.Marshal(dst)
	if err != nil {
		return err
	}
	var names map[string]json.RawMessage
	if err := json.Unmarshal(known, &names); err != nil {
		return err
	}
	for _, c := range head.Critical {
		if _, ok := names[c]; !ok {
			return fmt.Errorf("statement needs %q, which this version does not know: %w", c, ErrUnsupportedVersion)
		}
	}
	return nil
}

// SealStatement is the predicate of section 8.1.
type SealStatement struct {
	Version      int       `json:"version"`
	Critical     []string  `json:"critical"`
	Job          ID        `json:"job"`
	Device       ID        `json:"device"`
	Generation   uint32    `json:"generation"`
	JobSerial    uint64    `json:"job_serial"`
	JobSHA256    string    `json:"job_sha256"`
	LogSize      uint64    `json:"log_size"`
	LogRoot      []byte    `json:"log_root"`
	Disks        int       `json:"disks"`
	AbsentBays   []int     `json:"absent_bays"`
	Degraded     uint64    `json:"degraded_packs"`
	WrapCheck    string    `json:"wrap_check"`
	DeviceKey    string    `json:"device_key"`
	Recovery     string    `json:"recovery"`
	Sealed       time.Time `json:"sealed"`
	Software     string    `json:"software"`
	ScanComplete bool      `json:"scan_complete"`
}

// Label is what travels outside the device (section 8.2).
type Label struct {
	Scope      Scope
	Disks      int
	JobSerial  uint64
	JobSHA256  [32]byte
	Checkpoint []byte
}

// Encode returns the label's text.
func (l Label) Encode() []byte {
	return fmt.Appendf(nil, "sledge label 0\njob %s\ndevice %s\ngeneration %d\ndisks %d\njob-serial %d\njob-sha256 %x\n\n%s",
		l.Scope.Job, l.Scope.Device, l.Scope.Generation, l.Disks, l.JobSerial, l.JobSHA256, l.Checkpoint)
}

// ParseLabel reads a label's text; it is unsigned but for the checkpoint inside.
func ParseLabel(b []byte) (Label, error) {
	var l Label
	var job, device, sum string
	bad := fmt.Errorf("%w: this is not a sledge label (its first line must be \"sledge label 0\")", ErrCorrupt)
	if len(b) > MaxCheckpoint {
		return l, bad
	}
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	head, rest, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return l, bad
	}
	n, err := fmt.Sscanf(string(head)+"\n", "sledge label 0\njob %s\ndevice %s\ngeneration %d\ndisks %d\njob-serial %d\njob-sha256 %s\n",
		&job, &device, &l.Scope.Generation, &l.Disks, &l.JobSerial, &sum)
	if err != nil || n != 6 {
		return l, bad
	}
	if l.Scope.Job, err = ParseID(job); err != nil {
		return l, bad
	}
	if l.Scope.Device, err = ParseID(device); err != nil {
		return l, bad
	}
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != 32 {
		return l, bad
	}
	copy(l.JobSHA256[:], raw)
	l.Checkpoint = rest
	return l, nil
}
