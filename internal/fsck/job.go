package fsck

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// jobFile is what the verifier needs of job.dsse (format.md 3).
type jobFile struct {
	raw           []byte
	sha256        [32]byte
	job           id
	serial        uint64
	devices       map[id]ed25519.PublicKey
	k, m          int
	blockSize     int64
	disks         int
	allowNoParity bool
	keyIDs        []string
	siteIDs       [][32]byte // of them, those of HPKE
	ageIDs        []byte     // and those of age, joined
	stanzas       []string   // of an age file to them
	classic       bool       // recovery need not be post-quantum
	importers     []ed25519.PublicKey
	acceptors     []ed25519.PublicKey
	target        string          // where imports go, as folderURL writes it; "" if it does not say
	profile       string          // of the target
	leaves        map[string]bool // kinds that its policy gives no object
}

var jobNames = []string{
	"version", "critical", "job", "serial", "created", "expires", "direction", "site", "devices", "geometry",
	"recipients", "unlock", "target", "roles", "policy", "signer",
}

var errNoSignerKey = errors.New("the signer's public key is not in it: a fingerprint alone proves nothing, give the key")

// openJob verifies and parses job.dsse. With trust nil nothing about its
// origin is known.
func openJob(raw []byte, trust *Trust) (*jobFile, error) {
	if len(raw) > maxJobSize {
		return nil, fmt.Errorf("%w: over %d bytes", errMalformed, maxJobSize)
	}
	e, err := parseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	if err := verifyJob(e, trust); err != nil {
		return nil, err
	}
	s, err := e.statement(jobPredicate)
	if err != nil {
		return nil, err
	}
	j, err := parseJob(s)
	if err != nil {
		return nil, err
	}
	if err := namesSigner(s.predicate, e); err != nil {
		return nil, err
	}
	j.raw, j.sha256 = raw, sha256.Sum256(raw)
	return j, nil
}

func verifyJob(e *envelope, trust *Trust) error {
	if trust == nil {
		return nil
	}
	if len(trust.Key) != 0 {
		return e.verify(trust.Key)
	}
	key, err := shownSigner(e, trust)
	if err != nil {
		return err
	}
	return e.verify(key)
}

// shownSigner takes the signer's key from the payload's "signer" name. It is
// read before the signature is checked, which is safe: the fingerprint binds it.
func shownSigner(e *envelope, trust *Trust) (ed25519.PublicKey, error) {
	key, err := signerIn(e)
	if err != nil {
		return nil, err
	}
	if !trust.matches(key) {
		return nil, fmt.Errorf("%w: signed by %s", errSignature, Fingerprint(key))
	}
	return key, nil
}

func signerIn(e *envelope) (ed25519.PublicKey, error) {
	o, err := parseObject(e.payload)
	if err != nil {
		return nil, err
	}
	predicate, err := o.object("predicate")
	if err != nil {
		return nil, err
	}
	text, err := predicate.text("signer")
	if err != nil {
		return nil, errNoSignerKey
	}
	return parseSPKIText(text)
}

// claimedSigner is the fingerprint of the key that a job file shows as its
// signer's, for a text only: nothing vouches for it. It may be empty.
func claimedSigner(raw []byte) string {
	e, err := parseEnvelope(raw)
	if err != nil {
		return ""
	}
	key, err := signerIn(e)
	if err != nil {
		return ""
	}
	return Fingerprint(key)
}

func parseJob(s *statement) (*jobFile, error) {
	p := s.predicate
	if err := p.version1(jobNames); err != nil {
		return nil, err
	}
	j := &jobFile{devices: map[id]ed25519.PublicKey{}}
	var err error
	if j.job, err = p.id("job"); err != nil {
		return nil, err
	}
	if j.serial, err = p.uint("serial"); err != nil {
		return nil, err
	}
	if j.job == (id{}) || j.serial == 0 || j.serial > 1<<63-1 {
		return nil, fmt.Errorf("%w: job file without id, or of serial %d", errMalformed, j.serial)
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
	if err := j.readDevices(p, s.subjects); err != nil {
		return nil, err
	}
	if err := j.readRecipients(p); err != nil {
		return nil, err
	}
	policy, err := p.object("policy")
	if err == nil {
		err = policy.maybe("classic_recovery", &j.classic)
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
	return j, j.readRoles(p)
}

func (j *jobFile) readTarget(p object) error {
	if !p.has("target") {
		return nil
	}
	target, err := p.object("target")
	if err != nil {
		return err
	}
	err = errors.Join(target.maybe("url", &j.target), target.maybe("profile", &j.profile))
	j.target = folderURL(j.target)
	return err
}

// folderURL writes a target with the slash at its end that a job file may leave out.
func folderURL(url string) string {
	if url == "" || strings.HasSuffix(url, "/") {
		return url
	}
	return url + "/"
}

// follows names what keeps a job file from standing for an older one of its job
// once the devices are sealed; "" is nothing.
func (j *jobFile) follows(old *jobFile) string {
	sameKeys := func(a, b []ed25519.PublicKey) bool {
		return slices.EqualFunc(a, b, func(x, y ed25519.PublicKey) bool { return x.Equal(y) })
	}
	switch {
	case j.job != old.job:
		return "job"
	case j.serial <= old.serial:
		return "serial"
	case j.target != old.target || j.profile != old.profile:
		return "target"
	case !sameKeys(j.importers, old.importers) || !sameKeys(j.acceptors, old.acceptors):
		return "roles"
	}
	return ""
}

func (j *jobFile) readGeometry(p object) error {
	g, err := p.object("geometry")
	if err != nil {
		return err
	}
	var k, m, block, disks uint64
	for name, to := range map[string]*uint64{"k": &k, "m": &m, "block_size": &block, "disks": &disks} {
		if err := g.get(name, to); err != nil {
			return err
		}
	}
	if err := g.maybe("allow_no_parity", &j.allowNoParity); err != nil {
		return err
	}
	if _, err := newGeometry(k, m, block, 1); err != nil {
		return err
	}
	if disks < k+m || disks > maxBays || m == 0 && !j.allowNoParity {
		return fmt.Errorf("%w: %d+%d shards on %d disks", errMalformed, k, m, disks)
	}
	j.k, j.m, j.blockSize, j.disks = int(k), int(m), int64(block), int(disks)
	return nil
}

func (j *jobFile) readDevices(p object, subjects map[string]string) error {
	devices, err := p.objects("devices")
	if err != nil {
		return err
	}
	if len(devices) > maxDevices {
		return fmt.Errorf("%w: %d devices", errMalformed, len(devices))
	}
	for _, d := range devices {
		var protection string
		if err := d.maybe("protection", &protection); err != nil {
			return err
		}
		name, err := d.id("id")
		if err != nil {
			return err
		}
		text, err := d.text("public_key")
		if err != nil {
			return err
		}
		key, err := parseSPKIText(text)
		if err != nil {
			return err
		}
		if deviceID(key) != name {
			return fmt.Errorf("%w: device %s has the key of device %s", errMalformed, name, deviceID(key))
		}
		if subjects["device/"+name.String()] != sha256Hex(spkiOf(key)) {
			return fmt.Errorf("%w: device %s is not a subject of the statement", errMalformed, name)
		}
		j.devices[name] = key
	}
	if len(j.devices) == 0 || len(j.devices) != len(devices) || len(subjects) != len(devices) {
		return fmt.Errorf("%w: %d devices, %d subjects", errMalformed, len(devices), len(subjects))
	}
	return nil
}

func (j *jobFile) readRecipients(p object) error {
	recipients, err := p.objects("recipients")
	if err != nil {
		return err
	}
	if len(recipients) > maxRecipients {
		return fmt.Errorf("%w: %d recipients", errMalformed, len(recipients))
	}
	for _, r := range recipients {
		if err := j.recipient(r); err != nil {
			return err
		}
	}
	if len(j.siteIDs) == 0 {
		return fmt.Errorf("%w: no site among the recipients", errMalformed)
	}
	return nil
}

func (j *jobFile) readRoles(p object) error {
	if !p.has("roles") {
		return nil
	}
	roles, err := p.object("roles")
	if err != nil {
		return err
	}
	for name, to := range map[string]*[]ed25519.PublicKey{"importer": &j.importers, "acceptor": &j.acceptors} {
		if *to, err = roleKeys(roles, name); err != nil {
			return err
		}
	}
	return nil
}

func roleKeys(roles object, name string) ([]ed25519.PublicKey, error) {
	var texts []string
	if err := roles.maybe(name, &texts); err != nil {
		return nil, err
	}
	if len(texts) > maxRoleKeys {
		return nil, fmt.Errorf("%w: %d keys of the role %s", errMalformed, len(texts), name)
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
