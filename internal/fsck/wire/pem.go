package wire

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
)

// ParsePublicKey reads one PEM block "PUBLIC KEY" with an Ed25519 key. It is written here
// because the standard library's reader of keys brings certificates, and the network with
// them.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, fmt.Errorf("%w: no PEM block", ErrMalformed)
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("%w: PEM block is %.40q, not a PUBLIC KEY", ErrMalformed, block.Type)
	case len(rest) > 0:
		return nil, fmt.Errorf("%w: %d bytes after the PEM block", ErrMalformed, len(rest))
	}
	return parseSPKI(block.Bytes)
}
