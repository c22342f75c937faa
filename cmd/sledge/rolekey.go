package main

import (
	"crypto/ed25519"
	"slices"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

// roleKey says where a role's private key is: in a file, or with the site's.
type roleKey struct {
	role  site.Role
	file  *keyFile
	site  string
	signs string // what it is for, as the operator is asked
}

// read takes the key and holds it against those that the job pins: what any other
// key has signed, nobody could verify.
func (r roleKey) read(a *app, pinned []manifest.PublicKey) (ed25519.PrivateKey, error) {
	key, err := r.load(a)
	if err != nil {
		return nil, err
	}
	isKey := func(p manifest.PublicKey) bool { return p.PublicKey.Equal(key.Public()) }
	if !slices.ContainsFunc(pinned, isKey) {
		return nil, hint(usagef("the %s key %s is not one that the job names", r.role, crypto.Fingerprint(key.Public().(ed25519.PublicKey))), "use the %s.key of the site that made the job", r.role)
	}
	return key, nil
}

func (r roleKey) load(a *app) (ed25519.PrivateKey, error) {
	switch {
	case r.file.given():
		return r.file.readPrivateKey(a)
	case r.site != "":
		s, err := openSite(r.site)
		if err != nil {
			return nil, err
		}
		return s.Key(r.role)
	}
	return nil, usagef("--%s-key is missing: which key signs the %s?", r.role, r.signs)
}
