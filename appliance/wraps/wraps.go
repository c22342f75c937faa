package wraps

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Wraps of the load key to the site and to recovery are the same files on every disk,
// each named by its hash. One good copy is enough, whatever the other disks say.

// Job is what wraps are made for: the recipients of a job, and the device's generation.
type Job struct {
	Scope manifest.Scope
	Job   *manifest.Job
}

// Read reads the wraps of a prepared disk by name. A file whose content is not
// its name is left out. The error is of files that could not be read; the others are
// returned with it.
func Read(fsys vfs.FS) (map[string][]byte, error) {
	list, err := fsys.ReadDir(disk.WrapsDir)
	if err != nil {
		return nil, err
	}
	wraps := map[string][]byte{}
	var errs []error
	for _, e := range list {
		if e.Name() == "unlock" || e.IsDir() {
			continue
		}
		b, err := vfs.ReadFile(fsys, disk.WrapsDir+"/"+e.Name(), manifest.MaxWrap)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if sum := fmt.Sprintf("%x", crypto.SumSHA256(b)); e.Name() == sum+".wrap" || e.Name() == sum+".age" {
			wraps[e.Name()] = b
		}
	}
	return wraps, errors.Join(errs...)
}

// Find returns the wraps that the job asks for, as most of the disks have them.
// What is wrong with the disks is in bad. With an error of missing or doubtful wraps come
// those that were found.
func (c *Job) Find(disks []disk.Disk) (wraps map[string][]byte, bad, err error) {
	vote := NewVote(c)
	has := make([][]string, len(disks))
	var errs []error
	for i, d := range disks {
		wraps, err := Read(d.FS)
		if disk.OwnFault(err) {
			return nil, nil, fmt.Errorf("disk %s: %w", d.Name, err)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("disk %s: %w", d.Name, err))
		}
		has[i] = vote.Add(wraps)
	}
	wraps, err = vote.Chosen()
	for i, d := range disks {
		errs = append(errs, vote.faults(d.Name, has[i], wraps))
	}
	bad = errors.Join(errs...)
	if err != nil {
		return wraps, nil, errors.Join(fmt.Errorf("%w: the wraps of the load key: %w", disk.ErrLost, err), bad)
	}
	return wraps, bad, nil
}

// SiteOf is to whom of the job file a wrap of this device is. Others that lie on a disk do
// not go on record: a log that names them is refused by its readers.
func (c *Job) SiteOf(file []byte) (id [32]byte, ok bool) {
	w, err := manifest.DecodeWrap(file)
	if err != nil || w.Kind != manifest.WrapHPKE || w.Scope != c.Scope || len(w.KeyID) != len(id) {
		return id, false
	}
	id = [32]byte(w.KeyID)
	return id, slices.ContainsFunc(c.Job.Recipients, func(r manifest.Recipient) bool {
		return crypto.WrapKind(r.Kind) == crypto.WrapSite && r.KeyID == hex.EncodeToString(id[:])
	})
}
