package appliance

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Wraps of the load key to the site and to recovery are the same files on every disk,
// each named by its hash. One good copy is enough, whatever the other disks say.

// readWraps reads the wraps of a prepared disk by name. A file whose content is not
// its name is left out. The error is of files that could not be read; the others are
// returned with it.
func readWraps(disk vfs.FS) (map[string][]byte, error) {
	list, err := disk.ReadDir(wrapsDir)
	if err != nil {
		return nil, err
	}
	wraps := map[string][]byte{}
	var errs []error
	for _, e := range list {
		if e.Name() == "unlock" || e.IsDir() {
			continue
		}
		b, err := vfs.ReadFile(disk, wrapsDir+"/"+e.Name(), manifest.MaxWrap)
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

// findWraps returns the wraps that the job asks for, from the first disk that has them
// whole, or from several. Disks before it that have not are in bad.
func (c *Config) findWraps(disks []Disk) (wraps map[string][]byte, bad, err error) {
	all := map[string][]byte{}
	var errs []error
	for _, d := range disks {
		wraps, err := readWraps(d.FS)
		maps.DeleteFunc(wraps, func(name string, file []byte) bool {
			_, ours := c.siteOf(file)
			return strings.HasSuffix(name, ".wrap") && !ours
		})
		if ownFault(err) {
			return nil, nil, fmt.Errorf("disk %s: %w", d.Name, err)
		}
		if err == nil {
			err = c.wholeWraps(wraps)
		}
		if err == nil {
			return wraps, errors.Join(errs...), nil
		}
		errs = append(errs, fmt.Errorf("disk %s: %w", d.Name, err))
		maps.Copy(all, wraps)
	}
	bad = errors.Join(errs...)
	if err := c.wholeWraps(all); err != nil {
		return nil, nil, fmt.Errorf("%w: the wraps of the load key: %w; %w", ErrLost, err, bad)
	}
	return all, bad, nil
}

// wholeWraps reports what is missing of the wraps that the job asks for.
func (c *Config) wholeWraps(wraps map[string][]byte) error {
	sites, recovery := 0, 0
	for _, r := range c.Job.Recipients {
		switch crypto.WrapKind(r.Kind) {
		case crypto.WrapSite:
			sites++
		case crypto.WrapAge:
			recovery = 1
		}
	}
	for name, file := range wraps {
		if strings.HasSuffix(name, ".age") {
			recovery--
			continue
		}
		if _, ok := c.siteOf(file); ok {
			sites--
		}
	}
	if sites != 0 || recovery != 0 {
		return fmt.Errorf("%w: not the wraps that the job asks for: %d of its sites and %d of recovery are missing", manifest.ErrCorrupt, sites, recovery)
	}
	return nil
}

// siteOf is to whom of the job file a wrap of this device is. Others that lie on a disk do
// not go on record: a log that names them is refused by its readers.
func (c *Config) siteOf(file []byte) (id [32]byte, ok bool) {
	w, err := manifest.DecodeWrap(file)
	if err != nil || w.Kind != manifest.WrapHPKE || w.Scope != c.Scope || len(w.KeyID) != len(id) {
		return id, false
	}
	id = [32]byte(w.KeyID)
	return id, slices.ContainsFunc(c.Job.Recipients, func(r manifest.Recipient) bool {
		return crypto.WrapKind(r.Kind) == crypto.WrapSite && r.KeyID == hex.EncodeToString(id[:])
	})
}
