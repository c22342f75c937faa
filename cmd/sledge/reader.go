package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// chainFlags name what a sealed device is verified with.
type chainFlags struct {
	site, trust, label string
	noLabel            bool
}

func (f *chainFlags) add(flags *pflag.FlagSet) {
	f.addSite(flags)
	f.addTrust(flags)
}

func (f *chainFlags) addSite(flags *pflag.FlagSet) {
	flags.StringVar(&f.site, "site", os.Getenv("SLEDGE_SITE"), "the site's key folder, or what \"sledge site export\" made of it: trust, site key and importer key in one (env SLEDGE_SITE)")
}

func (f *chainFlags) addTrust(flags *pflag.FlagSet) {
	f.addSigner(flags)
	f.addLabel(flags)
}

func (f *chainFlags) addLabel(flags *pflag.FlagSet) {
	flags.StringVar(&f.label, "label", "", "the label file that came by another way than the disks")
}

// addSigner defines all but the label, of which there may be several.
func (f *chainFlags) addSigner(flags *pflag.FlagSet) {
	f.addKey(flags)
	flags.BoolVar(&f.noLabel, "no-label", false, "continue without a label: an older state of the device would not be noticed")
}

func (f *chainFlags) addKey(flags *pflag.FlagSet) {
	flags.StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
}

// labelText reads the label. Without one the operator has to say so.
func (f *chainFlags) labelText() ([]byte, error) {
	switch {
	case f.label != "" && f.noLabel:
		return nil, usagef("--label and --no-label exclude each other")
	case f.label != "":
		return files.Read(f.label, manifest.MaxCheckpoint)
	case f.noLabel:
		return nil, nil
	}
	return nil, hint(usagef("no label given"), "give the label that was sent beside the disks: --label FILE; without it an older state of the device looks the same (--no-label)")
}

// signer is the trusted key; nil if none was given.
func (f *chainFlags) signer(disks []appliance.Disk) (ed25519.PublicKey, error) {
	switch {
	case f.trust != "":
		return f.trusted(disks)
	case f.site != "":
		s, err := openSite(f.site)
		if err != nil {
			return nil, err
		}
		return s.PublicKey(site.Signer)
	}
	return nil, nil
}

// trusted resolves --trust; a fingerprint takes the key from the first job file
// on the disks that shows it.
func (f *chainFlags) trusted(disks []appliance.Disk) (ed25519.PublicKey, error) {
	key, _, err := parseTrust(f.trust)
	if err != nil || key != nil {
		return key, err
	}
	err = fmt.Errorf("%w: no disk has a job file", appliance.ErrForeign)
	for _, d := range disks {
		file, e := vfs.ReadFile(d.FS, appliance.Root+"/job.dsse", manifest.MaxStatement)
		if e != nil {
			continue
		}
		if key, err = trustedKey(f.trust, file); err == nil {
			return key, nil
		}
	}
	return nil, err
}

// openSet verifies the chain of a sealed device and tells what it noticed.
func (a *app) openSet(f *chainFlags) (*appliance.Set, func(), error) {
	label, err := f.labelText()
	if err != nil {
		return nil, nil, err
	}
	disks, done, err := a.openDisks()
	if err != nil {
		return nil, nil, err
	}
	disks = a.ofLabel(disks, label)
	signer, err := f.signer(disks)
	var set *appliance.Set
	if err == nil {
		set, err = appliance.OpenSetContext(a.ctx, disks, signer, label)
	}
	if err == nil {
		err = set.CheckChain(a.ctx, signer, label)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	for _, w := range set.Warnings {
		a.warn("%s", w)
	}
	if !set.LabelChecked {
		a.warn("no label was given: an older state of this device would look the same")
	}
	return set, done, nil
}

// keyFlags name who opens the load key.
type keyFlags struct {
	chainFlags
	siteKey, recovery, loadKey *keyFile

	unlock keyOpener // of what was given; prepare sets it
}

func (f *keyFlags) add(flags *pflag.FlagSet) {
	f.chainFlags.add(flags)
	f.addKeys(flags)
}

func (f *keyFlags) addKeys(flags *pflag.FlagSet) {
	f.siteKey = newKeyFile(flags, "site-key", "the job's site.key file; - for standard input")
	f.recovery = newKeyFile(flags, "recovery", "an age identity file of a recovery recipient, as age-keygen writes it; - for standard input")
	f.loadKey = newKeyFile(flags, "load-key", "a file with the load key: in hexadecimal, or the text that age decrypts of a disk's wraps/*.age; - for standard input")
}

// reader is a sealed device, open for reading.
type reader struct {
	*appliance.Reader
	done func()
}

func (r *reader) close() {
	r.Reader.Close() // only descriptors
	r.done()
}

// openReader verifies the chain, opens the load key and gives the reader.
func (a *app) openReader(f *keyFlags) (*reader, error) {
	if err := f.prepare(a); err != nil {
		return nil, err
	}
	set, done, err := a.openSet(&f.chainFlags)
	if err != nil {
		return nil, err
	}
	return a.readerOf(f, set, done)
}

// prepare makes the process fit for a key, and reads it. It refuses what is none.
func (f *keyFlags) prepare(a *app) (err error) {
	if err := firmware.HardenProcess(); err != nil {
		return err
	}
	if n := count(f.siteKey.given(), f.recovery.given(), f.loadKey.given()); n > 1 || n == 0 && f.site == "" {
		return hint(usagef("name one key"), "give --site DIR, --site-key FILE, --recovery FILE or --load-key FILE")
	}
	f.unlock, err = f.read(a)
	return err
}

// readerOf opens the load key of a set whose chain is verified. The reader closes
// the disks; so does an error.
func (a *app) readerOf(f *keyFlags, set *appliance.Set, done func()) (*reader, error) {
	k, err := f.unlock(set)
	var r *appliance.Reader
	if err == nil {
		r, err = set.Unlock(k)
	}
	if err != nil {
		done()
		return nil, err
	}
	if !set.Proven {
		a.warn("origin not proven: no trusted key was given, so these may be anyone's disks (--trust signer.pub)")
	}
	return &reader{r, done}, nil
}

func count(flags ...bool) (n int) {
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

// repaired tells how many blocks were decoded around damage.
func (a *app) repaired(r *appliance.Reader) error {
	n, places := r.RepairedBlocks()
	if n == 0 {
		return nil
	}
	text := ""
	for place, blocks := range places {
		text += fmt.Sprintf("; %s: %d", place, blocks)
	}
	a.warn("%s decoded from the others, nothing is lost%s", plural(n, "block"), text)
	return nil
}

// chainEnd is the confession of a verb that ended well on a chain that is not proven.
func chainEnd(set *appliance.Set, err error) error {
	if err == nil && !set.Proven {
		return errUnproven
	}
	return err
}

// streamed stops a walk when the output is gone.
func streamed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}
