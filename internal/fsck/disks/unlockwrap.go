package disks

import (
	"io/fs"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// isUnlockWrap tells whether a file holds the load key for the unlock code, whatever its
// name: a writing that was cut off leaves one, or a person who kept a copy.
func isUnlockWrap(d *disk.Seen, name string) bool {
	raw, err := disk.ReadSmall(d.Fsys, "wraps/"+name, wire.MaxWrapSize)
	if err != nil {
		return name == "unlock"
	}
	_, kind, _, err := wire.ParseWrap(raw)
	return name == "unlock" || err == nil && kind == wire.WrapUnlock
}

// unsealedWraps asks who can open a device that is not sealed: the unlock code, or the
// site. Which copies are missing on single disks the device mends.
func (v *Check) unsealedWraps() {
	code, site := false, false
	for _, d := range v.use {
		_ = v.inFolder(d, "wraps", func(e fs.DirEntry) error {
			raw, err := disk.ReadSmall(d.Fsys, "wraps/"+e.Name(), wire.MaxWrapSize)
			if err != nil {
				return nil
			}
			who, kind, keyID, err := wire.ParseWrap(raw)
			if err != nil || who != v.who {
				return nil
			}
			code = code || kind == wire.WrapUnlock
			for _, id := range v.job.SiteIDs {
				site = site || kind == wire.WrapHPKE && string(keyID) == string(id[:])
			}
			return nil
		})
	}
	switch {
	case !code && !site:
		v.f.Add(findings.Lost, "wrap-lost", findings.Nowhere(), "connect the missing disks", "no disk has the load key, neither wrapped to the unlock code nor to the site: nobody can open this device")
	case !code:
		v.f.Add(findings.Warning, "unlock-missing", findings.Nowhere(), "connect the missing disks", "no disk has the load key for the unlock code: the site alone can open this device")
	case !site:
		v.f.Add(findings.Warning, "wrap-missing", findings.Nowhere(), "unlock the device: its seal makes the wraps anew", "no disk has the load key for the site: the unlock code alone opens this device")
	}
}
