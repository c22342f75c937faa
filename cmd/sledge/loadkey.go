package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/site"
)

// keyOpener gives the load key of a set, which it opens with what the operator gave.
type keyOpener func(*appliance.Set) ([]byte, error)

// read takes the key that the flags name. It is read before any disk is.
func (f *keyFlags) read(a *app) (keyOpener, error) {
	switch {
	case f.loadKey.given():
		return f.loadKey.readLoadKey(a)
	case f.recovery.given():
		return f.recovery.readIdentity(a)
	case f.siteKey.given():
		return f.siteKey.readSiteKey(a)
	}
	return f.openWithSite, nil
}

func (f *keyFlags) openWithSite(set *appliance.Set) ([]byte, error) {
	s, err := openSite(f.site)
	if err != nil {
		return nil, err
	}
	key, err := s.SiteKey(set.Job.ID)
	if err != nil {
		return nil, err
	}
	return set.OpenWithSite(key)
}

// readLoadKey reads a load key in hexadecimal, or the text that age decrypts of a
// recovery wrap, which names its device.
func (k *keyFile) readLoadKey(a *app) (keyOpener, error) {
	text, err := k.read(a)
	if err != nil {
		return nil, err
	}
	lines := keyfile.Lines(text)
	if keyfile.KindOf(text) != keyfile.LoadKey {
		return nil, k.refuse(keyfile.LoadKey, fmt.Errorf("%d lines that are none", len(lines)))
	}
	if lines[0] != keyfile.RecoveryTitle {
		key, err := hex.DecodeString(lines[0])
		return func(*appliance.Set) ([]byte, error) { return key, err }, nil
	}
	key, of, err := crypto.ParseRecoveryText(strings.Join(lines, "\n") + "\n")
	if err != nil {
		return nil, k.refuse(keyfile.LoadKey, err)
	}
	return func(set *appliance.Set) ([]byte, error) {
		if of != set.Scope.Binding() {
			return nil, hint(fmt.Errorf("%s: %w: it is of device %x of job %x, generation %d", k.place(), crypto.ErrKey, of.DeviceID, of.JobID, of.Generation),
				"decrypt sledge/wraps/*.age of a disk of this device")
		}
		return key, nil
	}, nil
}

// readIdentity reads a file of age-keygen, or what age decrypts of one that a
// passphrase protects.
func (k *keyFile) readIdentity(a *app) (keyOpener, error) {
	text, err := k.read(a)
	if err != nil {
		return nil, err
	}
	lines := keyfile.Lines(text)
	err = crypto.CheckIdentities(lines)
	if err == nil {
		return func(set *appliance.Set) ([]byte, error) { return set.OpenWithRecovery(strings.Join(lines, "\n")) }, nil
	}
	if errors.Is(err, crypto.ErrNotInFIPS) {
		return nil, err
	}
	return nil, k.refuse(keyfile.AgeIdentity, err)
}

func (k *keyFile) readSiteKey(a *app) (keyOpener, error) {
	text, err := k.read(a)
	if err != nil {
		return nil, err
	}
	key, err := site.ParseSiteKey([]byte(keyfile.Trim(text)))
	if err != nil {
		return nil, k.refuse(keyfile.SiteKey, err)
	}
	return func(set *appliance.Set) ([]byte, error) { return set.OpenWithSite(key) }, nil
}
