package wraps

import (
	"encoding/hex"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// File is a wrap with its log entry.
type File struct {
	Name  string
	Data  []byte
	Entry *manifest.WrapEntry
}

// File gives a wrap its log entry; check is that of the load key.
func (c *Job) File(name string, data []byte, check [16]byte) File {
	e := &manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: crypto.SumSHA256(data), Check: check, Generation: c.Scope.Generation}
	if id, ok := c.SiteOf(data); ok {
		e.Kind, e.Recipients = manifest.WrapHPKE, [][32]byte{id}
		return File{name, data, e}
	}
	for _, r := range c.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			e.Recipients = append(e.Recipients, crypto.AgeKeyID(r.Recipient))
		}
	}
	return File{name, data, e}
}

// Checked is the wrap that the site is asked about: that to the first site of the job of
// which the disks have one alone. A seal that was interrupted has made the others anew. What
// is wrong with the disks' copies is in bad.
func (c *Job) Checked(disks []disk.Disk, check [16]byte) (w *File, bad, err error) {
	files, bad, err := c.Find(disks)
	if disk.OwnFault(err) {
		return nil, bad, err
	}
	sites := map[[32]byte]int{}
	for _, file := range files {
		if id, ok := c.SiteOf(file); ok {
			sites[id]++
		}
	}
	for _, r := range c.Job.Recipients {
		for name, file := range files {
			if id, ok := c.SiteOf(file); ok && sites[id] == 1 && hex.EncodeToString(id[:]) == r.KeyID {
				w := c.File(name, file, check)
				return &w, bad, nil
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: the job names no site", disk.ErrLost)
	}
	return nil, bad, fmt.Errorf("no wrap to a site can be told from others, so that none can be checked: %w", err)
}
