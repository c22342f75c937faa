package site

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// pbkdf2Iterations is the FIPS profile's work for an unlock code.
const pbkdf2Iterations = 600_000

// JobParams are the customer's choices.
type JobParams struct {
	Devices    []ed25519.PublicKey
	Protection string // of the device keys, as the devices report it
	Geometry   manifest.JobGeometry
	Target     manifest.JobTarget
	Policy     manifest.JobPolicy
	Expires    time.Time

	// Who may hold, erase and judge the erasure of the devices; none is an empty list.
	Custodians          []manifest.Custodian
	Erasers, Validators []ed25519.PublicKey

	// FIPS asks for what GODEBUG=fips140=only allows on the device: PBKDF2
	// instead of Argon2id, and no recovery copy.
	FIPS       bool
	NoRecovery bool

	Now  time.Time
	Rand io.Reader
}

// NewJob is a job that was made. Code exists nowhere else: it goes to the field
// staff by another way than the job file.
type NewJob struct {
	Job  *manifest.Job
	File []byte
	Code crypto.UnlockCode
}

// CreateJob makes a job: its site key, its unlock code, its signed job file. The
// site key is durable before a job file exists that names it.
func (s *Site) CreateJob(p JobParams) (*NewJob, error) {
	signer, err := s.Key(Signer)
	if err != nil {
		return nil, err
	}
	job, err := s.draft(p)
	if err != nil {
		return nil, err
	}
	code, err := setUnlock(job, p)
	if err != nil {
		return nil, err
	}
	key, err := crypto.GenerateSiteKey()
	if err != nil {
		return nil, err
	}
	if err := s.setRecipients(job, key, p); err != nil {
		return nil, err
	}
	if err := job.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	file, err := job.Sign(signer)
	if err != nil {
		return nil, err
	}
	return &NewJob{job, file, code}, s.keep(job.ID, key, file)
}

// draft fills what needs no key of the job.
func (s *Site) draft(p JobParams) (*manifest.Job, error) {
	if !p.Expires.After(p.Now) {
		return nil, fmt.Errorf("%w: job would expire at %s, which is not in the future", ErrInvalid, p.Expires.Format(time.RFC3339))
	}
	job := &manifest.Job{
		Serial: 1, Direction: "import", Site: s.Name,
		Created: p.Now.UTC().Truncate(time.Second), Expires: p.Expires.UTC().Truncate(time.Second),
		Geometry: p.Geometry, Target: p.Target, Policy: p.Policy,
	}
	if _, err := io.ReadFull(p.Rand, job.ID[:]); err != nil {
		return nil, fmt.Errorf("job id: %w", err)
	}
	for _, pub := range p.Devices {
		id, err := manifest.DeviceID(pub)
		if err != nil {
			return nil, err
		}
		if _, twice := job.Device(id); twice {
			return nil, fmt.Errorf("%w: device %s is named twice", ErrInvalid, id)
		}
		job.Devices = append(job.Devices, manifest.JobDevice{ID: id, PublicKey: manifest.PublicKey{PublicKey: pub}, Protection: p.Protection})
	}
	for _, role := range []Role{Importer, Acceptor} {
		pub, err := s.PublicKey(role)
		if err != nil {
			return nil, err
		}
		keys := []manifest.PublicKey{{PublicKey: pub}}
		if role == Importer {
			job.Roles.Importer = keys
		} else {
			job.Roles.Acceptor = keys
		}
	}
	job.Roles.Custodian = p.Custodians
	for _, pub := range p.Erasers {
		job.Roles.Eraser = append(job.Roles.Eraser, manifest.PublicKey{PublicKey: pub})
	}
	for _, pub := range p.Validators {
		job.Roles.Validator = append(job.Roles.Validator, manifest.PublicKey{PublicKey: pub})
	}
	return job, nil
}

// setUnlock draws the unlock code and pins what checks it.
func setUnlock(job *manifest.Job, p JobParams) (crypto.UnlockCode, error) {
	code, err := crypto.NewUnlockCode(p.Rand)
	if err != nil {
		return code, err
	}
	kdf, err := crypto.DefaultKDF(p.Rand)
	if err != nil {
		return code, err
	}
	if p.FIPS {
		kdf = crypto.KDFParams{Kind: crypto.KDFPBKDF2, Salt: kdf.Salt, Iterations: pbkdf2Iterations}
	}
	root, err := kdf.Root(code)
	if err != nil {
		return code, err
	}
	job.Unlock = manifest.JobUnlock{KDF: kdf, Verifier: crypto.Verifier(root)}
	return code, nil
}

// setRecipients pins who can open the load key: the site, and recovery.
func (s *Site) setRecipients(job *manifest.Job, key *crypto.SiteKey, p JobParams) error {
	id := crypto.SiteKeyID(key.PublicKey())
	job.Recipients = []manifest.Recipient{{Kind: string(crypto.WrapSite), PublicKey: key.PublicKey(), KeyID: hex.EncodeToString(id[:])}}
	if p.FIPS || p.NoRecovery {
		return nil
	}
	recipients, err := s.Recipients()
	if err != nil || len(recipients) == 0 {
		return err
	}
	options := []crypto.AgeOption{}
	if p.Policy.ClassicRecovery {
		options = append(options, crypto.AllowClassic)
	}
	if err := crypto.CheckRecipients(recipients, options...); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for _, r := range recipients {
		id := crypto.AgeKeyID(r)
		job.Recipients = append(job.Recipients, manifest.Recipient{Kind: string(crypto.WrapAge), Recipient: r, KeyID: hex.EncodeToString(id[:])})
	}
	return nil
}

// keep writes a job's folder: the key first.
func (s *Site) keep(id manifest.ID, key *crypto.SiteKey, file []byte) error {
	text, err := encodeSiteKey(id, key)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(s.fs, jobFolder(id)); err != nil {
		return err
	}
	if err := durable.CreateExclusive(s.fs, jobFolder(id)+"/site.key", text); err != nil {
		return err
	}
	return durable.CreateExclusive(s.fs, jobFolder(id)+"/job.dsse", file)
}

// Answer is what a wrap check proved.
type Answer struct {
	Scope manifest.Scope
	Code  string // to be given to the device when it is sealed
}

// CheckWrap proves that this site will be able to open what a device wrote: see
// [manifest.WrapCheck].
func (s *Site) CheckWrap(bundle []byte) (Answer, error) {
	check, err := manifest.DecodeWrapCheck(bundle)
	if err != nil {
		return Answer{}, err
	}
	wrap, err := manifest.DecodeWrap(check.Wrap)
	if err != nil {
		return Answer{}, err
	}
	job, file, err := s.jobOf(wrap.Scope.Job, check.JobSHA256)
	if err != nil {
		return Answer{}, err
	}
	key, err := s.SiteKey(job.ID)
	if err != nil {
		return Answer{}, err
	}
	k, scope, err := check.Verify(job, file, key)
	if err != nil {
		return Answer{}, err
	}
	return Answer{scope, manifest.WrapAnswer(k, bundle)}, nil
}
