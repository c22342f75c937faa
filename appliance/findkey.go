package appliance

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// keyOn is a load key, and the disks whose unlock wrap opens to it.
type keyOn struct {
	key   []byte
	disks []string
}

// findKey opens the unlock wraps of all disks and lists the disks that are not prepared
// yet. All wraps must have the same key: one of a first unlock that was cut off, and done
// anew with other disks, is refused.
func findKey(c Config, root []byte) (k []byte, fresh []disk.Disk, err error) {
	var found []keyOn
	var refused error
	for _, d := range c.Disks {
		key, err := openUnlock(&c, d, root)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if _, err := d.FS.Stat(disk.CheckpointName); err == nil {
				return nil, nil, fmt.Errorf("disk %s: %w", d.Name, ErrSealed)
			}
			fresh = append(fresh, d)
		case errors.Is(err, crypto.ErrKey), errors.Is(err, crypto.ErrCorrupt):
			refused = errors.Join(refused, err)
		case err != nil:
			return nil, nil, err
		case key != nil:
			found = addKey(found, key, d.Name)
		}
	}
	switch {
	case len(found) > 1:
		return nil, nil, otherKeys(found)
	case len(found) == 1:
		if refused != nil {
			c.Log.Warn("an unlock wrap does not open, and those of other disks do", "err", refused)
		}
		return found[0].key, fresh, nil
	case refused != nil:
		return nil, nil, refused
	case len(fresh) < len(c.Disks):
		return nil, nil, fmt.Errorf("no disk has a whole unlock wrap: %w", manifest.ErrCorrupt)
	}
	return nil, fresh, nil
}

// openUnlock opens a disk's unlock wrap; nil if that is damaged.
func openUnlock(c *Config, d disk.Disk, root []byte) ([]byte, error) {
	b, err := vfs.ReadFile(d.FS, disk.UnlockName, manifest.MaxWrap)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case disk.NoAnswer(err):
		return nil, disk.Unanswered(d.Name, err)
	case err != nil:
		return nil, fmt.Errorf("disk %s: unlock wrap: %w", d.Name, err)
	}
	w, err := manifest.DecodeWrap(b)
	if err != nil {
		c.Log.Warn("unlock wrap is damaged; trying the next disk", "disk", d.Name, "err", err)
		return nil, nil
	}
	if w.Scope != c.Scope {
		return nil, fmt.Errorf("disk %s: %w: it holds job %s, device %s, generation %d", d.Name, disk.ErrForeign, w.Scope.Job, w.Scope.Device, w.Scope.Generation)
	}
	k, err := crypto.UnwrapCode(root, w.Body, c.Scope.Binding())
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return k, nil
}

func addKey(found []keyOn, key []byte, disk string) []keyOn {
	for i := range found {
		if subtle.ConstantTimeCompare(found[i].key, key) == 1 {
			found[i].disks = append(found[i].disks, disk)
			clear(key)
			return found
		}
	}
	return append(found, keyOn{key, []string{disk}})
}

// otherKeys names the disks that have another key than most.
func otherKeys(found []keyOn) error {
	most := 0
	for i := range found {
		clear(found[i].key)
		if len(found[i].disks) > len(found[most].disks) {
			most = i
		}
	}
	var odd []string
	for i, f := range found {
		if i != most {
			odd = append(odd, f.disks...)
		}
	}
	return fmt.Errorf("disk %s: %w: prepared with another load key than %s; nothing was changed", strings.Join(odd, ", "), disk.ErrForeign, strings.Join(found[most].disks, ", "))
}
