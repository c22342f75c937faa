package firmware

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// Contexts of the device key's signatures over its own files.
const (
	stateContext   = "device state"
	counterContext = "device counter"
)

// Limits of the state file.
const (
	maxStateFile   = 1 << 20
	maxCounterFile = 512
	maxHistory     = 64
	maxJobs        = 1024 // jobs that one device may obey in its life
	maxDetail      = 256
)

const stateVersion = 0

// ID is a device or job id.
type ID [16]byte

// String returns the id as 32 hexadecimal characters.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText makes ids hexadecimal in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 lower-case hexadecimal characters.
func (id *ID) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(id) {
		return fmt.Errorf("%q is not an id", b)
	}
	copy(id[:], raw)
	return nil
}

// Record is what state.json says.
type Record struct {
	Version    int    `json:"version"`
	Counter    uint64 `json:"counter"` // 1, 2, …: one more with every change
	Device     ID     `json:"device"`
	Protection string `json:"protection"`
	State      State  `json:"state"`

	// The data centre that this device obeys, pinned at provisioning.
	Signer            []byte `json:"signer"` // SubjectPublicKeyInfo
	SignerFingerprint string `json:"signer_fingerprint"`

	// The job at hand.
	Job         ID        `json:"job"`
	JobSerial   uint64    `json:"job_serial"`
	JobSHA256   string    `json:"job_sha256"`
	Generation  uint32    `json:"generation"`
	FirstUnlock time.Time `json:"first_unlock"` // zero: the disks know nothing of the job yet

	// What was let pass as disks of this job ([Device.AllowDisks]).
	SharedDisks bool     `json:"shared_disks,omitempty"`
	Filesystems []string `json:"filesystems,omitempty"`

	// Where the load key was put, in memory.
	SecretPlaces *SecretPlaces `json:"secret_places,omitempty"`

	// What must never be forgotten.
	Floors      []Floor      `json:"floors"`      // the highest serial of each job
	Checkpoints []Checkpoint `json:"checkpoints"` // every checkpoint ever signed

	History []Past `json:"history"` // the last events
}

// Floor is the highest serial of a job file that the device has obeyed.
type Floor struct {
	Job    ID     `json:"job"`
	Serial uint64 `json:"serial"`
}

// Checkpoint is what the device key has signed, or is about to sign, for a log.
type Checkpoint struct {
	Origin string   `json:"origin"`
	Size   uint64   `json:"size"`
	Root   [32]byte `json:"-"`
	Root64 string   `json:"root"`
	Plan64 string   `json:"plan,omitempty"` // digest of what the seal statement will say

	Written []ID `json:"written,omitempty"` // disks that the end of the seal wrote to since
}

func newCheckpoint(origin string, size uint64, root, plan [32]byte) Checkpoint {
	c := Checkpoint{Origin: origin, Size: size, Root: root, Root64: base64.StdEncoding.EncodeToString(root[:])}
	if plan != [32]byte{} {
		c.Plan64 = base64.StdEncoding.EncodeToString(plan[:])
	}
	return c
}

// plan is zeros where none was recorded.
func (c Checkpoint) plan() (plan [32]byte) {
	b, err := base64.StdEncoding.Strict().DecodeString(c.Plan64)
	if err == nil {
		copy(plan[:], b)
	}
	return plan
}

// Past is one line of the history.
type Past struct {
	Time   time.Time `json:"time"`
	Event  EventKind `json:"event"`
	State  State     `json:"state"` // after the event
	Detail string    `json:"detail,omitempty"`
}

// stateFile is the JSON of state.json. The signature is over the compact JSON of
// the record, so that the file can be indented for people.
type stateFile struct {
	State     json.RawMessage `json:"state"`
	Signature string          `json:"signature"`
}

// checkpoint is what was recorded for the job at hand.
func (r *Record) checkpoint() (Checkpoint, bool) { return r.checkpointOf(r.Job) }

// checkpointOf finds the checkpoint of any generation of a job.
func (r *Record) checkpointOf(job ID) (Checkpoint, bool) {
	for _, c := range r.Checkpoints {
		if strings.HasPrefix(c.Origin, "sledge/"+job.String()+"/"+r.Device.String()+"/") {
			return c, true
		}
	}
	return Checkpoint{}, false
}

func (r *Record) floor(job ID) uint64 {
	for _, f := range r.Floors {
		if f.Job == job {
			return f.Serial
		}
	}
	return 0
}

func (r *Record) setFloor(job ID, serial uint64) error {
	for i, f := range r.Floors {
		if f.Job == job {
			r.Floors[i].Serial = max(f.Serial, serial)
			return nil
		}
	}
	if len(r.Floors) >= maxJobs {
		return fmt.Errorf("this device has had %d jobs, which is its limit: provision it anew", maxJobs)
	}
	r.Floors = append(r.Floors, Floor{job, serial})
	return nil
}

func (r *Record) remember(e Event) {
	detail := e.Detail
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	r.History = append(r.History, Past{e.Time.UTC().Round(0), e.Kind, r.State, strings.ToValidUTF8(detail, "?")})
	r.History = r.History[max(0, len(r.History)-maxHistory):]
}

// clone is a deep copy, so that a change that fails leaves the old record whole.
func (r *Record) clone() Record {
	c := *r
	c.Floors = append([]Floor(nil), r.Floors...)
	c.Checkpoints = append([]Checkpoint(nil), r.Checkpoints...)
	c.History = append([]Past(nil), r.History...)
	c.Filesystems = slices.Clone(r.Filesystems)
	c.SecretPlaces = r.SecretPlaces.clone()
	return c
}

// encode returns the bytes of state.json.
func (r *Record) encode(key ed25519.PrivateKey) ([]byte, error) {
	state, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sig := crypto.SignContext(key, stateContext, state)
	out, err := json.MarshalIndent(stateFile{state, base64.StdEncoding.EncodeToString(sig)}, "", "  ")
	if err != nil {
		return nil, err
	}
	if out = append(out, '\n'); len(out) > maxStateFile {
		return nil, fmt.Errorf("state of %d bytes is over the limit of %d", len(out), maxStateFile)
	}
	return out, nil
}

// decodeRecord verifies state.json with the device's own key, then reads it. It
// accepts exactly the bytes that encode would write.
func decodeRecord(b []byte, key ed25519.PrivateKey) (*Record, error) {
	pub := key.Public().(ed25519.PublicKey)
	var file stateFile
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("state.json is not what this device wrote")
	}
	var state bytes.Buffer
	if err := json.Compact(&state, file.State); err != nil {
		return nil, fmt.Errorf("state.json is not what this device wrote")
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(file.Signature)
	if err != nil {
		return nil, fmt.Errorf("the signature of state.json is malformed")
	}
	if err := crypto.VerifyContext(pub, stateContext, state.Bytes(), sig); err != nil {
		return nil, fmt.Errorf("state.json was edited, or is another device's: its signature is wrong")
	}
	var r Record
	if err := json.Unmarshal(state.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("state.json: %w", err)
	}
	if r.Version != stateVersion {
		return nil, fmt.Errorf("state.json has version %d, this program knows %d", r.Version, stateVersion)
	}
	if err := r.readRoots(); err != nil {
		return nil, err
	}
	again, err := r.encode(key)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("state.json was edited")
	}
	return &r, nil
}

func (r *Record) readRoots() error {
	for i := range r.Checkpoints {
		c := &r.Checkpoints[i]
		root, err := base64.StdEncoding.Strict().DecodeString(c.Root64)
		if err != nil || len(root) != len(c.Root) {
			return fmt.Errorf("state.json: root of checkpoint %d is malformed", i)
		}
		copy(c.Root[:], root)
	}
	return nil
}

// signer is the pinned key of the data centre.
func (r *Record) signer() (ed25519.PublicKey, error) {
	pub, err := x509.ParsePKIXPublicKey(r.Signer)
	if err != nil {
		return nil, fmt.Errorf("state.json: signer: %w", err)
	}
	ed, ok := pub.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("state.json: signer is not an Ed25519 key")
	}
	return ed, nil
}

// encodeCounter returns the bytes of state.counter.
func encodeCounter(n uint64, key ed25519.PrivateKey) []byte {
	text := strconv.FormatUint(n, 10)
	sig := crypto.SignContext(key, counterContext, []byte(text))
	return fmt.Appendf(nil, "%s %s\n", text, base64.StdEncoding.EncodeToString(sig))
}

func decodeCounter(b []byte, key ed25519.PrivateKey) (uint64, error) {
	text, _, _ := strings.Cut(string(b), " ")
	n, err := strconv.ParseUint(text, 10, 64)
	// Ed25519 signatures are deterministic: the one encoding is compared whole.
	if err != nil || !bytes.Equal(encodeCounter(n, key), b) {
		return 0, fmt.Errorf("state.counter was edited, or is another device's")
	}
	return n, nil
}
