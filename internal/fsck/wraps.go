package fsck

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const maxWrapsKnown = 256

// wrapCheck follows the wrap entries of the log and looks for their files.
type wrapCheck struct {
	v          *verifier
	known      map[string]bool
	recipients string // key ids that wrap entries name, in hexadecimal
	check      []byte // of the first
	usable     int    // wraps of which a good copy exists
	entries    int
}

// fits holds an entry to the job file: who can open the device is the job's choice, and
// all of them open one key.
func (c *wrapCheck) fits(w *wrapEntry) error {
	j := c.v.job
	if w.kind == wrapAge && string(w.keyIDs) != string(j.ageIDs) {
		return fmt.Errorf("%w: the key ids of an age wrap are not the job file's", errMalformed)
	}
	if w.kind == wrapHPKE && (len(w.keyIDs) != 32 || !slices.Contains(j.siteIDs, [32]byte(w.keyIDs))) {
		return fmt.Errorf("%w: wrap to %x, whom the job file does not name", errMalformed, w.keyIDs)
	}
	if c.check == nil {
		c.check = w.check
	}
	if string(c.check) != string(w.check) {
		return fmt.Errorf("%w: the wraps are of different keys", errMalformed)
	}
	if c.known[wrapName(w)] {
		return fmt.Errorf("%w: wraps/%s twice", errMalformed, wrapName(w))
	}
	return nil
}

func (c *wrapCheck) entry(w *wrapEntry) {
	c.entries++
	if c.known == nil {
		c.known = map[string]bool{}
	}
	name := wrapName(w)
	if len(c.known) >= maxWrapsKnown {
		return
	}
	c.known[name] = true
	for ids := w.keyIDs; len(ids) >= 32; ids = ids[32:] {
		c.recipients += hex.EncodeToString(ids[:32]) + " "
	}
	good := 0
	for _, d := range c.v.use {
		if err := c.file(d, w, name); err != nil {
			class := "wrap-bad"
			if isMissing(err) {
				class = "wrap-missing"
			}
			c.v.f.add(Repairable, class, onDisk(d), hintRebuild, "wraps/%s: %v", name, err)
			continue
		}
		good++
	}
	if good > 0 {
		c.usable++
		return
	}
	c.v.f.add(Lost, "wrap-lost", nowhere(), "", "no disk has a good copy of wraps/%s: its recipients cannot read this device", name)
}

func (c *wrapCheck) file(d *disk, w *wrapEntry, name string) error {
	raw, err := readSmall(d.fsys, "wraps/"+name, maxWrapSize)
	if err != nil {
		return err
	}
	if sha256.Sum256(raw) != w.sha256 {
		return fmt.Errorf("SHA-256 is not that of the log")
	}
	if w.kind == wrapAge {
		return c.stanzas(d, raw, name)
	}
	i, kind, keyID, err := parseWrap(raw)
	if err == nil && (i != c.v.who || kind != w.kind) {
		err = fmt.Errorf("%w: it is of job %s, device %s, generation %d", errMalformed, i.job, i.device, i.generation)
	}
	if err == nil && keyID != nil && string(keyID) != string(w.keyIDs) {
		err = fmt.Errorf("%w: it is to %x, the log says to %x", errMalformed, keyID, w.keyIDs)
	}
	return err
}

// stanzas compares an age file's recipients with the job file's, as far as anybody sees
// them: an age file tells how many there are and of which type, and nobody's name.
func (c *wrapCheck) stanzas(d *disk, raw []byte, name string) error {
	types, err := ageStanzas(raw)
	if err != nil {
		return err
	}
	if want := c.v.job.stanzas; !slices.Equal(types, want) {
		c.v.f.add(Warning, "wrap-recipients", onDisk(d), "ask the site who else may open this device", "wraps/%s is to %d recipients (%s), the job file names %d (%s)", name, len(types), quoteName(strings.Join(types, ", ")), len(want), strings.Join(want, ", "))
	}
	return nil
}

// finish compares with the job's recipients and names files that are no wraps.
func (c *wrapCheck) finish() {
	v := c.v
	if c.entries == 0 {
		v.f.add(Warning, "recipient-without-wrap", nowhere(), "", "the log names no wrap: nobody can read this device")
	}
	for _, keyID := range v.job.keyIDs {
		if c.entries > 0 && !strings.Contains(c.recipients, keyID) {
			v.f.add(Warning, "recipient-without-wrap", nowhere(), "", "no wrap for the recipient with key id %s", keyID)
		}
	}
	for _, d := range v.use {
		err := eachEntry(d.fsys, "wraps", func(e fs.DirEntry) error {
			if name := e.Name(); name != "unlock" && !c.known[name] && len(c.known) < maxWrapsKnown {
				v.f.add(Note, "unknown-file", onDisk(d), "", "wraps/%s is not in the log", quoteName(name))
			}
			return nil
		})
		if err != nil {
			v.f.add(Repairable, "wrap-bad", onDisk(d), hintRebuild, "wraps: %v", err)
		}
	}
}
