package main

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

// roleKey says where a role's private key is: in a file, or with the site's.
type roleKey struct {
	role       site.Role
	file, site string
	signs      string // what it is for, as the operator is asked
}

// read takes the key and holds it against those that the job pins: what any other
// key has signed, nobody could verify.
func (r roleKey) read(pinned []manifest.PublicKey) (ed25519.PrivateKey, error) {
	key, err := r.load()
	if err != nil {
		return nil, err
	}
	isKey := func(p manifest.PublicKey) bool { return p.PublicKey.Equal(key.Public()) }
	if !slices.ContainsFunc(pinned, isKey) {
		return nil, hint(usagef("the %s key %s is not one that the job names", r.role, crypto.Fingerprint(key.Public().(ed25519.PublicKey))), "use the %s.key of the site that made the job", r.role)
	}
	return key, nil
}

func (r roleKey) load() (ed25519.PrivateKey, error) {
	switch {
	case r.file != "":
		text, err := readFile(r.file, 4<<10)
		if err != nil {
			return nil, err
		}
		key, err := crypto.ParsePrivateKey(text)
		if err != nil {
			return nil, &usageError{fmt.Errorf("%s: %w", r.file, err)}
		}
		return key, nil
	case r.site != "":
		s, err := openSite(r.site)
		if err != nil {
			return nil, err
		}
		return s.Key(r.role)
	}
	return nil, usagef("--%s-key is missing: which key signs the %s?", r.role, r.signs)
}
