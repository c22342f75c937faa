package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// JobFile is what the verifier needs of job.dsse (format.md 3).
type JobFile struct {
	Raw           []byte
	Sha256        [32]byte
	Job           ID
	Serial        uint64
	Devices       map[ID]ed25519.PublicKey
	K, M          int
	blockSize     int64
	Disks         int
	AllowNoParity bool
	KeyIDs        []string
	SiteIDs       [][32]byte // of them, those of HPKE
	AgeIDs        []byte     // and those of age, joined
	Stanzas       []string   // of an age file to them
	Classic       bool       // recovery need not be post-quantum
	Importers     []ed25519.PublicKey
	Acceptors     []ed25519.PublicKey
	Signer        ed25519.PublicKey // as it shows itself; only with a trust it is the one that was meant
	Custodians    []Custodian
	Erasers       []ed25519.PublicKey
	Validators    []ed25519.PublicKey
	Hold          string          // reference of a hold in force
	Target        string          // where imports go, as folderURL writes it; "" if it does not say
	profile       string          // of the target
	Leaves        map[string]bool // kinds that its policy gives no object
}

var jobNames = []string{
	"version", "critical", "job", "serial", "created", "expires", "direction", "site", "devices", "geometry",
	"recipients", "unlock", "target", "roles", "policy", "signer",
}

var errNoSignerKey = errors.New("the signer's public key is not in it: a fingerprint alone proves nothing, give the key")

// OpenJob verifies and parses job.dsse. With trust nil nothing about its
// origin is known.
func OpenJob(raw []byte, trust *Trust) (*JobFile, error) {
	if len(raw) > MaxJobSize {
		return nil, fmt.Errorf("%w: over %d bytes", ErrMalformed, MaxJobSize)
	}
	e, err := ParseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	if err := verifyJob(e, trust); err != nil {
		return nil, err
	}
	s, err := e.Statement(JobPredicate)
	if err != nil {
		return nil, err
	}
	j, err := ParseJob(s)
	if err != nil {
		return nil, err
	}
	if err := namesSigner(s.Predicate, e); err != nil {
		return nil, err
	}
	j.Raw, j.Sha256 = raw, sha256.Sum256(raw)
	j.Signer, err = signerIn(e)
	return j, err
}

func verifyJob(e *Envelope, trust *Trust) error {
	if trust == nil {
		return nil
	}
	if len(trust.Key) != 0 {
		return e.Verify(trust.Key)
	}
	key, err := shownSigner(e, trust)
	if err != nil {
		return err
	}
	return e.Verify(key)
}

// shownSigner takes the signer's key from the payload's "signer" name. It is
// read before the signature is checked, which is safe: the fingerprint binds it.
func shownSigner(e *Envelope, trust *Trust) (ed25519.PublicKey, error) {
	key, err := signerIn(e)
	if err != nil {
		return nil, err
	}
	if !trust.matches(key) {
		return nil, fmt.Errorf("%w: signed by %s", ErrSignature, Fingerprint(key))
	}
	return key, nil
}

func signerIn(e *Envelope) (ed25519.PublicKey, error) {
	o, err := ParseObject(e.Payload)
	if err != nil {
		return nil, err
	}
	predicate, err := o.Object("predicate")
	if err != nil {
		return nil, err
	}
	text, err := predicate.Text("signer")
	if err != nil {
		return nil, errNoSignerKey
	}
	return parseSPKIText(text)
}

// ClaimedSigner is the fingerprint of the key that a job file shows as its
// signer's, for a text only: nothing vouches for it. It may be empty.
func ClaimedSigner(raw []byte) string {
	e, err := ParseEnvelope(raw)
	if err != nil {
		return ""
	}
	key, err := signerIn(e)
	if err != nil {
		return ""
	}
	return Fingerprint(key)
}

// ParseJob reads a predicate whose signature the caller has verified.
func ParseJob(s *Statement) (*JobFile, error) {
	p := s.Predicate
	if err := p.Version1(jobNames); err != nil {
		return nil, err
	}
	j := &JobFile{Devices: map[ID]ed25519.PublicKey{}}
	var err error
	if j.Job, err = p.ID("job"); err != nil {
		return nil, err
	}
	if j.Serial, err = p.Uint("serial"); err != nil {
		return nil, err
	}
	if j.Job == (ID{}) || j.Serial == 0 || j.Serial > 1<<63-1 {
		return nil, fmt.Errorf("%w: job file without id, or of serial %d", ErrMalformed, j.Serial)
	}
	if err := checkChoices(p); err != nil {
		return nil, err
	}
	if err := checkLimits(p); err != nil {
		return nil, err
	}
	if err := j.readGeometry(p); err != nil {
		return nil, err
	}
	if err := j.readDevices(p, s.Subjects); err != nil {
		return nil, err
	}
	if err := j.readRecipients(p); err != nil {
		return nil, err
	}
	policy, err := p.Object("policy")
	if err == nil {
		err = errors.Join(policy.Maybe("classic_recovery", &j.Classic), policy.Maybe("hold", &j.Hold))
	}
	if err != nil {
		return nil, err
	}
	if err := j.readTarget(p); err != nil {
		return nil, err
	}
	if err := j.readPolicy(p); err != nil {
		return nil, err
	}
	if err := j.readRoles(p); err != nil {
		return nil, err
	}
	if !plainText(j.Hold) {
		return nil, fmt.Errorf("%w: policy hold", ErrMalformed)
	}
	return j, j.ownKeys(p)
}

func (j *JobFile) readTarget(p Object) error {
	if !p.Has("target") {
		return nil
	}
	target, err := p.Object("target")
	if err != nil {
		return err
	}
	err = errors.Join(target.Maybe("url", &j.Target), target.Maybe("profile", &j.profile))
	j.Target = folderURL(j.Target)
	return err
}

// folderURL writes a target with the slash at its end that a job file may leave out.
func folderURL(url string) string {
	if url == "" || strings.HasSuffix(url, "/") {
		return url
	}
	return url + "/"
}

// Follows names what keeps a job file from standing for an older one of its job
// once the devices are sealed; "" is nothing.
func (j *JobFile) Follows(old *JobFile) string {
	sameKeys := func(a, b []ed25519.PublicKey) bool {
		return slices.EqualFunc(a, b, func(x, y ed25519.PublicKey) bool { return x.Equal(y) })
	}
	switch {
	case j.Job != old.Job:
		return "job"
	case j.Serial <= old.Serial:
		return "serial"
	case j.Target != old.Target || j.profile != old.profile:
		return "target"
	case !sameKeys(j.Importers, old.Importers) || !sameKeys(j.Acceptors, old.Acceptors):
		return "roles"
	}
	return ""
}

func (j *JobFile) readGeometry(p Object) error {
	g, err := p.Object("geometry")
	if err != nil {
		return err
	}
	var k, m, block, disks uint64
	for name, to := range map[string]*uint64{"k": &k, "m": &m, "block_size": &block, "disks": &disks} {
		if err := g.Get(name, to); err != nil {
			return err
		}
	}
	if err := g.Maybe("allow_no_parity", &j.AllowNoParity); err != nil {
		return err
	}
	if _, err := NewGeometry(k, m, block, 1); err != nil {
		return err
	}
	if disks < k+m || disks > MaxBays || m == 0 && !j.AllowNoParity {
		return fmt.Errorf("%w: %d+%d shards on %d disks", ErrMalformed, k, m, disks)
	}
	j.K, j.M, j.blockSize, j.Disks = int(k), int(m), int64(block), int(disks)
	return nil
}

func (j *JobFile) readDevices(p Object, subjects map[string]string) error {
	devices, err := p.Objects("devices")
	if err != nil {
		return err
	}
	if len(devices) > MaxDevices {
		return fmt.Errorf("%w: %d devices", ErrMalformed, len(devices))
	}
	for _, d := range devices {
		var protection string
		if err := d.Maybe("protection", &protection); err != nil {
			return err
		}
		name, err := d.ID("id")
		if err != nil {
			return err
		}
		text, err := d.Text("public_key")
		if err != nil {
			return err
		}
		key, err := parseSPKIText(text)
		if err != nil {
			return err
		}
		if DeviceID(key) != name {
			return fmt.Errorf("%w: device %s has the key of device %s", ErrMalformed, name, DeviceID(key))
		}
		if subjects["device/"+name.String()] != Sha256Hex(SpkiOf(key)) {
			return fmt.Errorf("%w: device %s is not a subject of the statement", ErrMalformed, name)
		}
		j.Devices[name] = key
	}
	if len(j.Devices) == 0 || len(j.Devices) != len(devices) || len(subjects) != len(devices) {
		return fmt.Errorf("%w: %d devices, %d subjects", ErrMalformed, len(devices), len(subjects))
	}
	return nil
}

func (j *JobFile) readRecipients(p Object) error {
	recipients, err := p.Objects("recipients")
	if err != nil {
		return err
	}
	if len(recipients) > MaxRecipients {
		return fmt.Errorf("%w: %d recipients", ErrMalformed, len(recipients))
	}
	for _, r := range recipients {
		if err := j.recipient(r); err != nil {
			return err
		}
	}
	if len(j.SiteIDs) == 0 {
		return fmt.Errorf("%w: no site among the recipients", ErrMalformed)
	}
	return nil
}

func (j *JobFile) readRoles(p Object) error {
	if !p.Has("roles") {
		return nil
	}
	roles, err := p.Object("roles")
	if err != nil {
		return err
	}
	for name, to := range map[string]*[]ed25519.PublicKey{"importer": &j.Importers, "acceptor": &j.Acceptors, "eraser": &j.Erasers, "validator": &j.Validators} {
		if *to, err = roleKeys(roles, name); err != nil {
			return err
		}
	}
	return j.readCustodians(roles)
}

func roleKeys(roles Object, name string) ([]ed25519.PublicKey, error) {
	var texts []string
	if err := roles.Maybe(name, &texts); err != nil {
		return nil, err
	}
	if len(texts) > MaxRoleKeys {
		return nil, fmt.Errorf("%w: %d keys of the role %s", ErrMalformed, len(texts), name)
	}
	var keys []ed25519.PublicKey
	for _, text := range texts {
		key, err := parseSPKIText(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}
