package site

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Purpose is the work that a reduced folder is made for; empty for a site's own.
type Purpose string

// ForImport is the work of a host that imports the devices of one job.
const ForImport Purpose = "import"

var (
	// ErrReduced: the folder is a reduced one, and this is in the site's own only.
	ErrReduced = errors.New("not in this folder, which holds only what an import needs")
	// ErrNotEmpty: the folder that is exported to holds something else.
	ErrNotEmpty = errors.New("not empty")
	// ErrForeignJob: this site has not signed such a job file.
	ErrForeignJob = errors.New("not a job file that this site signed")
)

// exported is one file of a reduced folder.
type exported struct {
	name   string
	data   []byte
	public bool
}

// JobID is the id of a job file that this site signed, whatever its serial.
func (s *Site) JobID(file []byte) (manifest.ID, error) {
	signer, err := s.PublicKey(Signer)
	if err != nil {
		return manifest.ID{}, err
	}
	job, err := manifest.OpenJob(file, signer)
	if errors.Is(err, manifest.ErrUnverified) || errors.Is(err, crypto.ErrSignature) {
		err = fmt.Errorf("%w: %w", ErrForeignJob, err)
	}
	if err != nil {
		return manifest.ID{}, err
	}
	return job.ID, nil
}

// Export is a reduced folder that is not written yet.
type Export struct {
	site  Site
	files []exported // site.json last
}

// ExportImport reads what the import of one job's devices needs: the signer's public
// key, the importer's key pair, the job's files and its site key. Keys are parsed and
// written anew: whatever else lies in a key's file stays where it is.
func (s *Site) ExportImport(id manifest.ID) (*Export, error) {
	job, jobFile, err := s.Job(id)
	if err != nil {
		return nil, err
	}
	importerKey, importerPub, err := s.importerPair(job)
	if err != nil {
		return nil, err
	}
	siteKey, err := s.jobKey(job)
	if err != nil {
		return nil, err
	}
	signer, err := s.PublicKey(Signer)
	if err != nil {
		return nil, err
	}
	signerPub, err := crypto.EncodePublicKey(signer)
	if err != nil {
		return nil, err
	}
	later, err := s.laterFiles(id)
	if err != nil {
		return nil, err
	}
	title, err := json.Marshal(siteFile{Name: s.Name, For: ForImport, Job: id.String()})
	if err != nil {
		return nil, err
	}
	files := []exported{
		{name: string(Signer) + ".pub", data: signerPub, public: true},
		{name: string(Importer) + ".pub", data: importerPub, public: true},
		{name: string(Importer) + ".key", data: importerKey},
		{name: jobFolder(id) + "/site.key", data: siteKey},
		{name: jobFolder(id) + "/job.dsse", data: jobFile},
	}
	files = append(append(files, later...), exported{name: siteName, data: append(title, '\n')})
	return &Export{Site{Name: s.Name, For: ForImport, OfJob: id}, files}, nil
}

// laterFiles are the job's files with another expiry.
func (s *Site) laterFiles(id manifest.ID) (files []exported, err error) {
	serials, err := s.serials(id)
	for _, n := range serials {
		b, err := vfs.ReadFile(s.fs, serialName(id, n), manifest.MaxStatement)
		if err != nil {
			return nil, err
		}
		files = append(files, exported{name: serialName(id, n), data: b})
	}
	return files, err
}

// Write writes the folder, which must be fit (see [Export.Check]). Each file is durable
// before the next one, and site.json is the last: without it no verb takes the folder
// for a site's. What an ended Write of the same export left is completed.
func (e *Export) Write(to vfs.FS) (*Site, error) {
	if err := e.Check(to); err != nil {
		return nil, err
	}
	folder := jobFolder(e.site.OfJob)
	if err := durable.MkdirAll(to, folder); err != nil {
		return nil, err
	}
	if err := errors.Join(durable.Sweep(to, "."), durable.Sweep(to, folder)); err != nil {
		return nil, err
	}
	for _, f := range e.files {
		write := durable.CreateExclusive
		if f.public {
			write = durable.CreatePublic
		}
		if err := write(to, f.name, f.data); err != nil {
			return nil, err
		}
	}
	s := e.site
	s.fs = to
	return &s, nil
}

// importerPair reads the importer's key, which the job must name: receipts under
// another one would count for nothing.
func (s *Site) importerPair(job *manifest.Job) (private, public []byte, err error) {
	key, err := s.Key(Importer)
	if err != nil {
		return nil, nil, err
	}
	pub := key.Public().(ed25519.PublicKey)
	if !slices.ContainsFunc(job.Roles.Importer, func(p manifest.PublicKey) bool { return p.PublicKey.Equal(pub) }) {
		return nil, nil, fmt.Errorf("%w: importer.key is not one that job %s names", ErrInvalid, job.ID)
	}
	if private, err = crypto.EncodePrivateKey(key); err != nil {
		return nil, nil, err
	}
	public, err = crypto.EncodePublicKey(pub)
	return private, public, err
}

// jobKey reads the job's site key, to which its devices must have wrapped.
func (s *Site) jobKey(job *manifest.Job) ([]byte, error) {
	key, err := s.SiteKey(job.ID)
	if err != nil {
		return nil, err
	}
	id := crypto.SiteKeyID(key.PublicKey())
	if !slices.ContainsFunc(job.Recipients, func(r manifest.Recipient) bool { return r.KeyID == hex.EncodeToString(id[:]) }) {
		return nil, fmt.Errorf("%w: site.key is not the one that job %s names", ErrInvalid, job.ID)
	}
	return encodeSiteKey(job.ID, key)
}

// Check refuses a folder that holds more than an ended Write of this export left:
// ErrExists for a site's, else ErrNotEmpty.
func (e *Export) Check(to vfs.FS) error {
	if _, err := to.Stat(siteName); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrExists, err)
	}
	known := map[string][]byte{} // nil for a folder
	for _, f := range e.files {
		known[f.name] = f.data
		for dir := path.Dir(f.name); dir != "."; dir = path.Dir(dir) {
			known[dir] = nil
		}
	}
	return vfs.Walk(to, ".", vfs.Limits{}, func(name string, d fs.DirEntry) error {
		data, ok := known[name]
		_, temp := known[beforeTemp(name)]
		switch {
		case temp && d.Type().IsRegular(), ok && data == nil && d.IsDir():
			return nil
		case ok && data != nil && d.Type().IsRegular():
			if found, err := vfs.ReadFile(to, name, int64(len(data))); err != nil && !errors.Is(err, vfs.ErrTooLarge) {
				return err
			} else if err == nil && bytes.Equal(found, data) {
				return nil
			}
		}
		return fmt.Errorf("%w: it holds %q", ErrNotEmpty, name)
	})
}

// beforeTemp is the name of the file that a temporary one was to become.
func beforeTemp(name string) string {
	base, ok := strings.CutSuffix(name, durable.TempSuffix)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(base, path.Ext(base)) // the number
}

// absent is the error of a file that is not there: in a reduced folder that is no
// accident.
func (s *Site) absent(name string, err error) error {
	if s.For == "" || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%s: %w of job %s", name, ErrReduced, s.OfJob)
}

// unknown is the error of a job that the folder does not have.
func (s *Site) unknown(name string) error {
	if s.For == "" {
		return ErrUnknownJob
	}
	return s.absent(name, fs.ErrNotExist)
}

// Surplus names the secret keys that lie in the folder and that no import needs: whoever
// takes the machine of an import has them, too. Of several site keys an import needs one.
func (s *Site) Surplus() ([]string, error) {
	var found []string
	for _, name := range []string{string(Signer) + ".key", string(Acceptor) + ".key", identityName} {
		_, err := s.fs.Stat(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil {
			found = append(found, name)
		}
	}
	jobs, err := s.fs.ReadDir(jobsFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	keys := 0
	for _, j := range jobs {
		if _, err := s.fs.Stat(jobsFolder + "/" + j.Name() + "/site.key"); err == nil {
			keys++
		}
	}
	if keys > 1 {
		found = append(found, fmt.Sprintf("site keys of %d jobs", keys))
	}
	return found, nil
}
