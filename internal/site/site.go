// Package site is the data centre's key folder: the keys of its roles, and for
// each job the job file and the key that opens what devices wrote for it.
//
//	site.json            name and version; written last, so it says "complete"
//	signer.key/.pub      job signing key: the trust anchor; auditors get .pub
//	importer.key/.pub    signs receipts
//	acceptor.key/.pub    signs acceptance
//	recovery.identity    age identity, if one was made here: take it offline
//	recovery.recipients  age recipients, one a line: who can recover a load key
//	jobs/<id>/site.key   HPKE private key of one job, 32 bytes as hexadecimal text
//	jobs/<id>/job.dsse   the job file
//	jobs/<id>/job-<serial>.dsse  later ones, with another expiry
//	jobs/<id>/acceptance-<hex>.dsse  what was accepted of the job; it may be several
//
// Private files have mode 0600, public keys 0644; nothing is ever overwritten. Create jobs and
// check wraps here; nothing else in sledge needs this folder but an import,
// which needs one job's site.key and importer.key: [Site.ExportImport] makes a
// reduced folder of these.
package site

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Names in the folder.
const (
	siteName       = "site.json"
	identityName   = "recovery.identity"
	recipientsName = "recovery.recipients"
	jobsFolder     = "jobs"
)

// Role is whose key it is.
type Role string

// The roles of a site.
const (
	Signer   Role = "signer"
	Importer Role = "importer"
	Acceptor Role = "acceptor"
)

var roles = []Role{Signer, Importer, Acceptor}

// Limits of files.
const (
	maxKeyFile  = 4 << 10
	maxTextFile = 64 << 10
	maxSiteName = 256
)

var (
	// ErrExists: there is a site in this folder already; it was not touched.
	ErrExists = errors.New("there is a site here already")
	// ErrNoSite: this folder is no site's key folder.
	ErrNoSite = errors.New("no site here")
	// ErrInvalid: what was asked for is against the rules; nothing was made.
	ErrInvalid = errors.New("not possible")
	// ErrUnknownJob: this site has not made such a job.
	ErrUnknownJob = errors.New("this site has no such job")
)

// Site is an open key folder.
type Site struct {
	Name  string
	For   Purpose     // of a reduced folder; empty for a site's own
	OfJob manifest.ID // the one job of a reduced folder
	fs    vfs.FS
}

type siteFile struct {
	Version int     `json:"version"`
	Name    string  `json:"name"`
	For     Purpose `json:"for,omitempty"`
	Job     string  `json:"job,omitempty"`
}

// Options of Init.
type Options struct {
	Name       string
	Recovery   bool     // make an age identity here
	Recipients []string // age recipients made elsewhere
}

// Init makes a site in a folder. A crash before its end leaves keys that the
// next Init takes; a complete site is ErrExists.
func Init(fsys vfs.FS, o Options) (*Site, error) {
	if o.Name == "" || len(o.Name) > maxSiteName || strings.ContainsFunc(o.Name, isControl) {
		return nil, fmt.Errorf("%w: site name must be 1 to %d bytes without control characters", ErrInvalid, maxSiteName)
	}
	if _, err := fsys.Stat(siteName); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(ErrExists, err)
	}
	if len(o.Recipients) > 0 {
		if err := crypto.CheckRecipients(o.Recipients, crypto.AllowClassic); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	s := &Site{Name: o.Name, fs: fsys}
	for _, role := range roles {
		if err := s.makeKey(role); err != nil {
			return nil, err
		}
	}
	if err := s.makeRecovery(o); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(fsys, jobsFolder); err != nil {
		return nil, err
	}
	b, err := json.Marshal(siteFile{Name: o.Name})
	if err != nil {
		return nil, err
	}
	return s, durable.CreateExclusive(fsys, siteName, append(b, '\n'))
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// makeKey writes a role's key pair, or takes the one that is there.
func (s *Site) makeKey(role Role) error {
	key, err := s.Key(role)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = s.newKey(role)
	}
	if err != nil {
		return err
	}
	public, err := crypto.EncodePublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	return durable.CreatePublic(s.fs, string(role)+".pub", public)
}

func (s *Site) newKey(role Role) (ed25519.PrivateKey, error) {
	key, err := crypto.GenerateSigningKey()
	if err != nil {
		return nil, err
	}
	private, err := crypto.EncodePrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, durable.CreateExclusive(s.fs, string(role)+".key", private)
}

// makeRecovery writes the recovery recipients, and an identity if asked for.
func (s *Site) makeRecovery(o Options) error {
	recipients := o.Recipients
	if o.Recovery {
		identity, recipient, err := crypto.NewRecoveryIdentity()
		if err != nil {
			return err
		}
		text := fmt.Sprintf("# sledge recovery identity of %s: take this file offline\n# recipient: %s\n%s\n", o.Name, recipient, identity)
		if err := durable.CreateExclusive(s.fs, identityName, []byte(text)); err != nil {
			return err
		}
		recipients = append(append([]string(nil), recipients...), recipient)
	}
	if len(recipients) == 0 {
		return nil
	}
	return durable.CreateExclusive(s.fs, recipientsName, []byte(strings.Join(recipients, "\n")+"\n"))
}

// Open opens a key folder.
func Open(fsys vfs.FS) (*Site, error) {
	b, err := vfs.ReadFile(fsys, siteName, maxTextFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoSite
	}
	if err != nil {
		return nil, err
	}
	var f siteFile
	if err := json.Unmarshal(b, &f); err != nil || f.Version != 0 {
		return nil, fmt.Errorf("%s is not of this program's version", siteName)
	}
	s := &Site{Name: f.Name, For: f.For, fs: fsys}
	if s.For != "" {
		if s.OfJob, err = manifest.ParseID(f.Job); err != nil {
			return nil, fmt.Errorf("%s: %w", siteName, err)
		}
	}
	return s, nil
}

// Key reads a role's private key.
func (s *Site) Key(role Role) (ed25519.PrivateKey, error) {
	return readKey(s, role, ".key", crypto.ParsePrivateKey)
}

// PublicKey reads a role's public key; its private half may be elsewhere.
func (s *Site) PublicKey(role Role) (ed25519.PublicKey, error) {
	return readKey(s, role, ".pub", crypto.ParsePublicKey)
}

func readKey[K any](s *Site, role Role, end string, parse func([]byte) (K, error)) (key K, err error) {
	name := string(role) + end
	b, err := vfs.ReadFile(s.fs, name, maxKeyFile)
	if err != nil {
		return key, fmt.Errorf("%s key: %w", role, s.absent(name, err))
	}
	if key, err = parse(b); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return key, err
}

// Recipients are the site's recovery recipients; none is no error.
func (s *Site) Recipients() ([]string, error) {
	b, err := vfs.ReadFile(s.fs, recipientsName, maxTextFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out, nil
}

func jobFolder(id manifest.ID) string { return jobsFolder + "/" + id.String() }

// Job reads a job file that this site made, verified with its own signing key.
func (s *Site) Job(id manifest.ID) (*manifest.Job, []byte, error) {
	file, err := vfs.ReadFile(s.fs, jobFolder(id)+"/job.dsse", manifest.MaxStatement)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("job %s: %w", id, s.unknown("job.dsse"))
	}
	if err != nil {
		return nil, nil, err
	}
	signer, err := s.PublicKey(Signer)
	if err != nil {
		return nil, nil, err
	}
	job, err := manifest.OpenJob(file, signer)
	if err != nil {
		return nil, nil, err
	}
	if job.ID != id {
		return nil, nil, fmt.Errorf("job file of %s lies in the folder of %s", job.ID, id)
	}
	return job, file, nil
}

// KeepAcceptance makes a signed acceptance one of the job's statements, under the
// first half of its SHA-256, so that a later one does not hide an earlier one. It
// gives the name in the site's folder.
func (s *Site) KeepAcceptance(id manifest.ID, statement []byte) (string, error) {
	if s.For != "" {
		return "", fmt.Errorf("acceptance: %w", ErrReduced)
	}
	if _, err := s.fs.Stat(jobFolder(id) + "/job.dsse"); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("job %s: %w", id, ErrUnknownJob)
	}
	sum := crypto.SumSHA256(statement)
	name := fmt.Sprintf("%s/acceptance-%x.dsse", jobFolder(id), sum[:16])
	return name, durable.CreateExclusive(s.fs, name, statement)
}

// SiteKey reads the key that opens what devices wrote for a job.
func (s *Site) SiteKey(id manifest.ID) (*crypto.SiteKey, error) {
	b, err := vfs.ReadFile(s.fs, jobFolder(id)+"/site.key", maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("job %s: %w", id, s.unknown("site.key"))
	}
	if err != nil {
		return nil, err
	}
	return ParseSiteKey(b)
}

// ParseSiteKey reads a site.key file: comment lines, then the key in hexadecimal.
// Its errors never repeat the text.
func ParseSiteKey(b []byte) (*crypto.SiteKey, error) {
	var found []byte
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		seed, err := hex.DecodeString(line)
		if err != nil || len(seed) != crypto.SiteKeySize || found != nil {
			return nil, fmt.Errorf("site key file is not one line of %d hexadecimal characters", 2*crypto.SiteKeySize)
		}
		found = seed
	}
	return crypto.ParseSiteKey(found)
}

func encodeSiteKey(id manifest.ID, key *crypto.SiteKey) ([]byte, error) {
	seed, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "# sledge site key of job %s: keep it secret; it opens what devices wrote for this job\n%x\n", id, seed), nil
}
