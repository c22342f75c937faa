package disks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const maxWrapsKnown = 256

// wrapCheck follows the wrap entries of the log and looks for their files.
type wrapCheck struct {
	v          *Check
	known      map[string]bool
	recipients string // key ids that wrap entries name, in hexadecimal
	check      []byte // of the first
	usable     int    // wraps of which a good copy exists
	entries    int
}

// fits holds an entry to the job file: who can open the device is the job's choice, and
// all of them open one key.
func (c *wrapCheck) fits(w *wire.WrapEntry) error {
	j := c.v.job
	if w.Kind == wire.WrapAge && string(w.KeyIDs) != string(j.AgeIDs) {
		return fmt.Errorf("%w: the key ids of an age wrap are not the job file's", wire.ErrMalformed)
	}
	if w.Kind == wire.WrapHPKE && (len(w.KeyIDs) != 32 || !slices.Contains(j.SiteIDs, [32]byte(w.KeyIDs))) {
		return fmt.Errorf("%w: wrap to %x, whom the job file does not name", wire.ErrMalformed, w.KeyIDs)
	}
	if c.check == nil {
		c.check = w.Check
	}
	if string(c.check) != string(w.Check) {
		return fmt.Errorf("%w: the wraps are of different keys", wire.ErrMalformed)
	}
	if c.known[wire.WrapName(w)] {
		return fmt.Errorf("%w: wraps/%s twice", wire.ErrMalformed, wire.WrapName(w))
	}
	return nil
}

func (c *wrapCheck) entry(w *wire.WrapEntry) {
	c.entries++
	if c.known == nil {
		c.known = map[string]bool{}
	}
	name := wire.WrapName(w)
	if len(c.known) >= maxWrapsKnown {
		return
	}
	c.known[name] = true
	for ids := w.KeyIDs; len(ids) >= 32; ids = ids[32:] {
		c.recipients += hex.EncodeToString(ids[:32]) + " "
	}
	good := 0
	for _, d := range c.v.use {
		if err := c.file(d, w, name); err != nil {
			class := "wrap-bad"
			if disk.IsMissing(err) {
				class = "wrap-missing"
			}
			c.v.f.Add(findings.Repairable, class, findings.OnDisk(d), findings.HintRebuild, "wraps/%s: %v", name, err)
			continue
		}
		good++
	}
	if good > 0 {
		c.usable++
		return
	}
	c.v.f.Add(findings.Lost, "wrap-lost", findings.Nowhere(), "", "no disk has a good copy of wraps/%s: its recipients cannot read this device", name)
}

func (c *wrapCheck) file(d *disk.Seen, w *wire.WrapEntry, name string) error {
	raw, err := disk.ReadSmall(d.Fsys, "wraps/"+name, wire.MaxWrapSize)
	if err != nil {
		return err
	}
	if sha256.Sum256(raw) != w.Sha256 {
		return fmt.Errorf("SHA-256 is not that of the log")
	}
	if w.Kind == wire.WrapAge {
		return c.stanzas(d, raw, name)
	}
	i, kind, keyID, err := wire.ParseWrap(raw)
	if err == nil && (i != c.v.who || kind != w.Kind) {
		err = fmt.Errorf("%w: it is of job %s, device %s, generation %d", wire.ErrMalformed, i.Job, i.Device, i.Generation)
	}
	if err == nil && keyID != nil && string(keyID) != string(w.KeyIDs) {
		err = fmt.Errorf("%w: it is to %x, the log says to %x", wire.ErrMalformed, keyID, w.KeyIDs)
	}
	return err
}

// stanzas compares an age file's recipients with the job file's, as far as anybody sees
// them: an age file tells how many there are and of which type, and nobody's name.
func (c *wrapCheck) stanzas(d *disk.Seen, raw []byte, name string) error {
	types, err := wire.AgeStanzas(raw)
	if err != nil {
		return err
	}
	if want := c.v.job.Stanzas; !slices.Equal(types, want) {
		c.v.f.Add(findings.Warning, "wrap-recipients", findings.OnDisk(d), "ask the site who else may open this device", "wraps/%s is to %d recipients (%s), the job file names %d (%s)", name, len(types), findings.QuoteName(strings.Join(types, ", ")), len(want), strings.Join(want, ", "))
	}
	return nil
}

// finish compares with the job's recipients and names files that are no wraps.
func (c *wrapCheck) finish() {
	v := c.v
	if c.entries == 0 {
		v.f.Add(findings.Warning, "recipient-without-wrap", findings.Nowhere(), "", "the log names no wrap: nobody can read this device")
	}
	for _, keyID := range v.job.KeyIDs {
		if c.entries > 0 && !strings.Contains(c.recipients, keyID) {
			v.f.Add(findings.Warning, "recipient-without-wrap", findings.Nowhere(), "", "no wrap for the recipient with key id %s", keyID)
		}
	}
	for _, d := range v.use {
		err := disk.EachEntry(d.Fsys, "wraps", func(e fs.DirEntry) error {
			if name := e.Name(); name != "unlock" && !c.known[name] && len(c.known) < maxWrapsKnown {
				v.f.Add(findings.Note, "unknown-file", findings.OnDisk(d), "", "wraps/%s is not in the log", findings.QuoteName(name))
			}
			return nil
		})
		if err != nil {
			v.f.Add(findings.Repairable, "wrap-bad", findings.OnDisk(d), findings.HintRebuild, "wraps: %v", err)
		}
	}
}
