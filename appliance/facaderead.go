package appliance

import (
	"context"
	"crypto/ed25519"

	"github.com/sledge-io/sledge/appliance/read"
)

// What callers name of a sealed device that is read.
type (
	Set     = read.Set
	Reader  = read.Reader
	Entry   = read.Entry
	Raw     = read.Raw
	Content = read.Content
)

// Errors of reading; package read says what each means.
var (
	ErrNotSealed = read.ErrNotSealed
	ErrRollback  = read.ErrRollback
	ErrForked    = read.ErrForked
	ErrNotFound  = read.ErrNotFound
	ErrRefused   = read.ErrRefused
)

// OpenSet is [read.OpenSet].
func OpenSet(disks []Disk, signer ed25519.PublicKey, label []byte) (*Set, error) {
	return read.OpenSet(disks, signer, label)
}

// OpenSetContext is [read.OpenSetContext].
func OpenSetContext(ctx context.Context, disks []Disk, signer ed25519.PublicKey, label []byte) (*Set, error) {
	return read.OpenSetContext(ctx, disks, signer, label)
}
