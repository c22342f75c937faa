package appliance

import (
	"errors"
	"fmt"
	"maps"
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
		w, err := manifest.DecodeWrap(file)
		if err == nil && w.Scope != c.Scope {
			err = fmt.Errorf("%w: it is of job %s, device %s, generation %d", ErrForeign, w.Scope.Job, w.Scope.Device, w.Scope.Generation)
		}
		if err != nil {
			return fmt.Errorf("wrap %s: %w", name, err)
		}
		sites--
	}
	if sites != 0 || recovery != 0 {
		return fmt.Errorf("%w: not the wraps that the job asks for: %d of its sites and %d of recovery are missing", manifest.ErrCorrupt, sites, recovery)
	}
	return nil
}
