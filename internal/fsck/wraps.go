package fsck

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	wrapHPKE   = 1
	wrapAge    = 2
	wrapUnlock = 3

	maxWrapsKnown = 256
)

var wrapFileFields = schema{
	bytesField(1, 16, 16), bytesField(2, 16, 16), uintField(3), bytesField(4, 32, 32).optional(), bytesField(5, 1, maxWrapSize),
}

// wrapCheck follows the wrap entries of the log and looks for their files.
type wrapCheck struct {
	v          *verifier
	known      map[string]bool
	recipients string // key ids that wrap entries name, in hexadecimal
	check      []byte // of the first
	usable     int    // wraps of which a good copy exists
	entries    int
}

func wrapName(w *wrapEntry) string {
	if w.kind == wrapAge {
		return hex.EncodeToString(w.sha256[:]) + ".age"
	}
	return hex.EncodeToString(w.sha256[:]) + ".wrap"
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

// parseWrap reads a .wrap file's public part; keyID is nil if it names none.
func parseWrap(raw []byte) (i identity, kind uint64, keyID []byte, err error) {
	k, body, err := versionKind(raw)
	if err != nil {
		return i, 0, nil, err
	}
	if k != wrapHPKE && k != wrapUnlock {
		return i, 0, nil, fmt.Errorf("%w: wrap kind %d", ErrVersion, k)
	}
	m, err := parseFields(body, wrapFileFields)
	if err != nil {
		return i, 0, nil, err
	}
	if err := firstOf(m.nonzero(1, 2), m.need(3, 5)); err != nil {
		return i, 0, nil, err
	}
	if m.uint(3) > maxGeneration || len(raw) > maxWrapSize {
		return i, 0, nil, fmt.Errorf("%w: wrap of %d bytes, generation %d", errMalformed, len(raw), m.uint(3))
	}
	return identity{id(m.bytes(1)), id(m.bytes(2)), m.uint(3)}, uint64(k), m.bytes(4), nil
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
