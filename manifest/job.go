package manifest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// Job is the job file's content (section 3). It is signed by the job signing
// key and pins everything that a device obeys and an auditor trusts.
type Job struct {
	Version    int         `json:"version"`
	Critical   []string    `json:"critical"`
	ID         ID          `json:"job"`
	Serial     uint64      `json:"serial"`
	Created    time.Time   `json:"created"`
	Expires    time.Time   `json:"expires"`
	Direction  string      `json:"direction"`
	Signer     PublicKey   `json:"signer"` // whose fingerprint an auditor may hold; proves nothing by itself
	Site       string      `json:"site"`
	Devices    []JobDevice `json:"devices"`
	Geometry   JobGeometry `json:"geometry"`
	Recipients []Recipient `json:"recipients"`
	Unlock     JobUnlock   `json:"unlock"`
	Target     JobTarget   `json:"target"`
	Roles      JobRoles    `json:"roles"`
	Policy     JobPolicy   `json:"policy"`
}

// JobDevice pins a device's key.
type JobDevice struct {
	ID         ID        `json:"id"`
	PublicKey  PublicKey `json:"public_key"`
	Protection string    `json:"protection"`
}

// JobGeometry is the shape of the code and the number of bays.
type JobGeometry struct {
	K             int  `json:"k"`
	M             int  `json:"m"`
	BlockSize     int  `json:"block_size"`
	Disks         int  `json:"disks"`
	AllowNoParity bool `json:"allow_no_parity"`
}

// Code is the geometry without the number of bays.
func (g JobGeometry) Code() Geometry { return Geometry{K: g.K, M: g.M, BlockSize: g.BlockSize} }

// Recipient is who can open the load key.
type Recipient struct {
	Kind      string `json:"kind"`
	PublicKey []byte `json:"public_key,omitempty"` // HPKE
	Recipient string `json:"recipient,omitempty"`  // age
	KeyID     string `json:"key_id"`
}

// JobUnlock holds what checks an unlock code.
type JobUnlock struct {
	KDF      crypto.KDFParams `json:"kdf"`
	Verifier []byte           `json:"verifier"`
}

// JobTarget is where the import goes.
type JobTarget struct {
	URL     string `json:"url"`
	Profile string `json:"profile"`
}

// JobRoles are the keys of people who act after the seal.
type JobRoles struct {
	Importer  []PublicKey `json:"importer"`
	Acceptor  []PublicKey `json:"acceptor"`
	Custodian []Custodian `json:"custodian,omitempty"` // who may hold the device, beside its own key
	Eraser    []PublicKey `json:"eraser,omitempty"`
	Validator []PublicKey `json:"validator,omitempty"` // decides whether an erasure is enough
}

// JobPolicy are the customer's choices.
type JobPolicy struct {
	FileDigest      string `json:"file_digest"`
	Symlinks        string `json:"symlinks"`
	Directories     string `json:"directories"`
	PackSize        int64  `json:"pack_size"`
	PackSeconds     int    `json:"pack_seconds"`
	ClassicRecovery bool   `json:"classic_recovery,omitempty"`
	Hold            string `json:"hold,omitempty"` // reference of a hold in force: nothing may be erased
}

// PublicKey is an Ed25519 key as base64 of its SubjectPublicKeyInfo in JSON.
type PublicKey struct{ ed25519.PublicKey }

// MarshalJSON writes base64 of the DER SubjectPublicKeyInfo.
func (k PublicKey) MarshalJSON() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.PublicKey)
	if err != nil {
		return nil, err
	}
	return json.Marshal(der)
}

// UnmarshalJSON reads base64 of a DER SubjectPublicKeyInfo of an Ed25519 key.
func (k *PublicKey) UnmarshalJSON(b []byte) error {
	var der []byte
	if err := json.Unmarshal(b, &der); err != nil {
		return err
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return err
	}
	ed, ok := pub.(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("%w: key is not Ed25519", ErrCorrupt)
	}
	k.PublicKey = ed
	return nil
}

// DeviceID is the id of a device by its key: the first half of its fingerprint.
func DeviceID(pub ed25519.PublicKey) (ID, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ID{}, err
	}
	sum := sha256.Sum256(der)
	return ID(sum[:16]), nil
}

// Device returns the pinned device of an id.
func (j *Job) Device(id ID) (JobDevice, bool) {
	for _, d := range j.Devices {
		if d.ID == id {
			return d, true
		}
	}
	return JobDevice{}, false
}

// Limits of jobs.
const (
	maxDevices    = 1024
	maxRecipients = 16
	maxRoleKeys   = 64
	// MinPackSize and MaxPackSize bound the policy's pack size.
	MinPackSize = 4096
	MaxPackSize = 64 << 30
)

// Validate applies the format's limits; it is called before signing and after
// verifying.
func (j *Job) Validate() error {
	g := j.Geometry
	switch {
	case j.ID.IsZero() || j.Serial == 0:
		return fmt.Errorf("job without id or serial")
	case j.Serial > math.MaxInt64:
		return fmt.Errorf("serial %d is over what a log can hold", j.Serial)
	case j.Direction != "import":
		return fmt.Errorf("direction %q is reserved for a later version", j.Direction)
	case len(j.Devices) == 0 || len(j.Devices) > maxDevices:
		return fmt.Errorf("%d devices: need 1 to %d", len(j.Devices), maxDevices)
	case g.M == 0 && !g.AllowNoParity:
		return fmt.Errorf("geometry %d+0 survives no lost disk: allow it explicitly (allow_no_parity)", g.K)
	case g.Disks < g.K+g.M || g.Disks > MaxBays:
		return fmt.Errorf("%d disks for geometry %d+%d: need %d to %d", g.Disks, g.K, g.M, g.K+g.M, MaxBays)
	case len(j.Recipients) == 0 || len(j.Recipients) > maxRecipients:
		return fmt.Errorf("%d recipients: need 1 to %d", len(j.Recipients), maxRecipients)
	case len(j.Roles.Importer) > maxRoleKeys || len(j.Roles.Acceptor) > maxRoleKeys:
		return fmt.Errorf("more than %d role keys", maxRoleKeys)
	case len(j.Unlock.Verifier) != 32:
		return fmt.Errorf("unlock verifier of %d bytes", len(j.Unlock.Verifier))
	}
	if err := g.Code().Validate(); err != nil {
		return err
	}
	if err := j.Unlock.KDF.Validate(); err != nil {
		return err
	}
	if err := j.validateDevices(); err != nil {
		return err
	}
	if err := j.validateRecipients(); err != nil {
		return err
	}
	if err := j.validateCustody(); err != nil {
		return err
	}
	return j.Policy.validate()
}

func (j *Job) validateDevices() error {
	for _, d := range j.Devices {
		if len(d.PublicKey.PublicKey) != ed25519.PublicKeySize {
			return fmt.Errorf("device %s: no public key", d.ID)
		}
		id, err := DeviceID(d.PublicKey.PublicKey)
		if err != nil {
			return err
		}
		if id != d.ID {
			return fmt.Errorf("device %s: id does not belong to its key", d.ID)
		}
	}
	return nil
}

func (j *Job) validateRecipients() error {
	site := false
	for _, r := range j.Recipients {
		var id [32]byte
		switch r.Kind {
		case string(crypto.WrapSite):
			if len(r.PublicKey) != crypto.SitePublicKeySize {
				return fmt.Errorf("recipient %s: its key is %d bytes, not %d", r.KeyID, len(r.PublicKey), crypto.SitePublicKeySize)
			}
			id, site = crypto.SiteKeyID(r.PublicKey), true
		case string(crypto.WrapAge):
			id = crypto.AgeKeyID(r.Recipient)
		default:
			return fmt.Errorf("recipient of unknown kind %q: %w", r.Kind, ErrUnsupportedVersion)
		}
		if hex.EncodeToString(id[:]) != r.KeyID {
			return fmt.Errorf("recipient %s: key id does not belong to its key", r.KeyID)
		}
	}
	if !site {
		return fmt.Errorf("no site among the recipients")
	}
	return nil
}

func (p JobPolicy) validate() error {
	switch {
	case p.FileDigest != "whole" && p.FileDigest != "parts":
		return fmt.Errorf("file_digest %q: must be whole or parts", p.FileDigest)
	case p.Symlinks != "object" && p.Symlinks != "skip":
		return fmt.Errorf("symlinks %q: must be object or skip", p.Symlinks)
	case p.Directories != "object" && p.Directories != "skip":
		return fmt.Errorf("directories %q: must be object or skip", p.Directories)
	case p.PackSize < MinPackSize || p.PackSize > MaxPackSize:
		return fmt.Errorf("pack_size %d: must be %d to %d", p.PackSize, MinPackSize, int64(MaxPackSize))
	case p.PackSeconds < 1 || p.PackSeconds > 3600:
		return fmt.Errorf("pack_seconds %d: must be 1 to 3600", p.PackSeconds)
	}
	return nil
}

// Sign returns the job file's bytes.
func (j *Job) Sign(key ed25519.PrivateKey) ([]byte, error) {
	j.Signer = PublicKey{key.Public().(ed25519.PublicKey)}
	if err := j.Validate(); err != nil {
		return nil, err
	}
	j.Version = Version
	if j.Critical == nil {
		j.Critical = []string{}
	}
	j.Roles.Importer, j.Roles.Acceptor = append([]PublicKey{}, j.Roles.Importer...), append([]PublicKey{}, j.Roles.Acceptor...)
	var subjects []Subject
	for _, d := range j.Devices {
		der, err := x509.MarshalPKIXPublicKey(d.PublicKey.PublicKey)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, SHA256Subject("device/"+d.ID.String(), der))
	}
	return SignStatement(PredicateJob, subjects, j, key)
}

// OpenJob verifies a job file with the job signer's key, then reads it.
func OpenJob(file []byte, signer ed25519.PublicKey) (*Job, error) {
	var j Job
	s, _, err := OpenStatement(file, PredicateJob, &j, signer)
	if err != nil {
		return nil, fmt.Errorf("job file: %w", err)
	}
	if err := j.check(s); err != nil {
		return nil, err
	}
	if !j.Signer.Equal(signer) {
		return nil, fmt.Errorf("job file: %w: it names another signer than the one who signed it", ErrCorrupt)
	}
	return &j, nil
}

// PeekJob reads a job file WITHOUT verifying it, for saying what a file claims
// and, where no trust anchor was given, for "consistent, origin not proven".
func PeekJob(file []byte) (*Job, error) {
	if len(file) > MaxStatement {
		return nil, fmt.Errorf("%w: job file of %d bytes", ErrCorrupt, len(file))
	}
	typ, payload, _, err := crypto.PeekDSSE(file)
	if err != nil || typ != PayloadType {
		return nil, fmt.Errorf("%w: this is not a job file: %v", ErrCorrupt, err)
	}
	var j Job
	s, err := decodeStatement(payload, PredicateJob, &j)
	if err != nil {
		return nil, fmt.Errorf("job file: %w", err)
	}
	if err := j.check(s); err != nil {
		return nil, err
	}
	return &j, nil
}
