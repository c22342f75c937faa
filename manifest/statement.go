package manifest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// PayloadType is the DSSE payload type of every statement (section 8).
const PayloadType = "application/vnd.in-toto+json"

const statementType = "https://in-toto.io/Statement/v1"

// Predicate types.
const (
	predicateBase       = "https://github.com/sledge-io/sledge/statement/"
	PredicateJob        = predicateBase + "job/v1"
	PredicateSeal       = predicateBase + "seal/v1"
	PredicateReceipt    = predicateBase + "receipt/v1"
	PredicateAcceptance = predicateBase + "acceptance/v1"
	PredicateCommit     = predicateBase + "commit/v1"
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

// PeekStatement reads an envelope WITHOUT verifying it, for saying what it claims, under the
// rules of OpenStatement otherwise. keyids are its signers' hints.
func PeekStatement(env []byte, predicateType string, dst any) (st *Statement, keyids []string, err error) {
	if len(env) > MaxStatement {
		return nil, nil, fmt.Errorf("%w: statement of %d bytes", ErrCorrupt, len(env))
	}
	typ, payload, keyids, err := crypto.PeekDSSE(env)
	if err == nil && typ != PayloadType {
		err = fmt.Errorf("payload type %.80q", typ)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	st, err = decodeStatement(payload, predicateType, dst)
	return st, keyids, err
}

func decodeStatement(payload []byte, predicateType string, dst any) (*Statement, error) {
	var st Statement
	if err := DecodeJSON(payload, &st); err != nil {
		return nil, fmt.Errorf("%w: statement: %w", ErrCorrupt, err)
	}
	if v, ok := otherVersion(st.PredicateType, predicateType); ok {
		return nil, fmt.Errorf("statement of version %s: %w", v, ErrUnsupportedVersion)
	}
	if st.Type != statementType || st.PredicateType != predicateType {
		return nil, fmt.Errorf("%w: statement of type %q, want %q", ErrCorrupt, st.PredicateType, predicateType)
	}
	if err := checkVersion(st.Predicate, dst); err != nil {
		return nil, err
	}
	if err := DecodeJSON(st.Predicate, dst); err != nil {
		return nil, fmt.Errorf("%w: statement: %w", ErrCorrupt, err)
	}
	return &st, nil
}

// otherVersion tells a predicate type of another version from one of another kind.
func otherVersion(got, want string) (version string, ok bool) {
	version, ok = strings.CutPrefix(got, strings.TrimSuffix(want, strconv.Itoa(Version)))
	n, err := strconv.ParseUint(version, 10, 32)
	return version, ok && err == nil && n != Version
}

// checkVersion applies P18 to JSON: the version first, then the names that a
// reader must know.
func checkVersion(predicate json.RawMessage, dst any) error {
	var head struct {
		Version  *int            `json:"version"`
		Critical json.RawMessage `json:"critical"`
	}
	if err := DecodeJSON(predicate, &head); err != nil || head.Version == nil {
		return fmt.Errorf("%w: statement without a version", ErrCorrupt)
	}
	if *head.Version != Version {
		return fmt.Errorf("statement of version %d: %w", *head.Version, ErrUnsupportedVersion)
	}
	var critical []string
	if len(head.Critical) > 0 {
		if err := json.Unmarshal(head.Critical, &critical); err != nil {
			return fmt.Errorf("%w: statement: critical: %w", ErrCorrupt, err)
		}
	}
	known := jsonNames(dst)
	for _, c := range critical {
		if !slices.Contains(known, c) {
			return fmt.Errorf("statement needs %q, which this version does not know: %w", c, ErrUnsupportedVersion)
		}
	}
	return nil
}

// jsonNames are the names that a struct is read from, also those that an empty one is
// not written with.
func jsonNames(dst any) (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(dst).Elem()) {
		names = append(names, jsonName(f))
	}
	return names
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
	SharedDisks  bool      `json:"shared_disks,omitempty"`
	Filesystems  []string  `json:"filesystems,omitempty"`   // let pass by name, though not fit
	ReplacedBays []int     `json:"replaced_bays,omitempty"` // their first disk left before the seal
	LeftBays     []int     `json:"left_bays,omitempty"`     // the same, after the log was final
	NotErased    []string  `json:"not_erased,omitempty"`    // file systems that may keep the overwritten unlock wrap
	ReadBack     string    `json:"read_back,omitempty"`     // one of ReadBackAll, …; none in statements of before
	UnreadPacks  uint64    `json:"unread_packs,omitempty"`  // of which some shard was never read back
}

// What a seal statement says of the read-back of what was written.
const (
	ReadBackAll    = "all"
	ReadBackPartly = "partly"
	ReadBackNone   = "none"
)

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
	return fmt.Appendf(nil, "sledge label 1\njob %s\ndevice %s\ngeneration %d\ndisks %d\njob-serial %d\njob-sha256 %x\n\n%s",
		l.Scope.Job, l.Scope.Device, l.Scope.Generation, l.Disks, l.JobSerial, l.JobSHA256, l.Checkpoint)
}

// ParseLabel reads a label's text; it is unsigned but for the checkpoint inside.
func ParseLabel(b []byte) (Label, error) {
	bad := func(text string) (Label, error) {
		return Label{}, fmt.Errorf("%w: this is not a whole sledge label: %s", ErrCorrupt, text)
	}
	if len(b) > MaxCheckpoint {
		return bad(fmt.Sprintf("%d bytes", len(b)))
	}
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	first, _, _ := bytes.Cut(b, []byte("\n"))
	version, ok := bytes.CutPrefix(first, []byte("sledge label "))
	if !ok {
		return bad("its first line must be \"sledge label 1\"")
	}
	if n, err := strconv.ParseUint(string(version), 10, 32); err == nil && n != Version {
		return Label{}, fmt.Errorf("label of version %d: %w", n, ErrUnsupportedVersion)
	}
	_, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return bad("no empty line before the checkpoint")
	}
	l := Label{Checkpoint: checkpoint}
	var job, device, sum string
	if _, err := fmt.Sscanf(string(b), "sledge label 1\njob %s\ndevice %s\ngeneration %d\ndisks %d\njob-serial %d\njob-sha256 %s\n",
		&job, &device, &l.Scope.Generation, &l.Disks, &l.JobSerial, &sum); err != nil {
		return bad(err.Error())
	}
	raw, err1 := hex.DecodeString(sum)
	var err2, err3 error
	l.Scope.Job, err2 = ParseID(job)
	l.Scope.Device, err3 = ParseID(device)
	if err := errors.Join(err1, err2, err3); err != nil || copy(l.JobSHA256[:], raw) != len(l.JobSHA256) {
		return bad("an id or the SHA-256 is not whole")
	}
	// There is one way to write a label.
	if l.Disks < 1 || l.Disks > MaxBays || l.Scope.Generation == 0 || !bytes.Equal(l.Encode(), b) {
		return bad("a line is not as a device writes it")
	}
	return l, nil
}
