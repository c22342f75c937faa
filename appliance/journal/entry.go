package journal

import (
	"crypto/ed25519"
	"fmt"

	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// packContext is the context of the device's signature over a pack entry.
const packContext = "pack entry"

// PublicPack reads the public part of a frame; nil if it has none.
func PublicPack(b []byte) (*manifest.Pack, error) {
	if len(b) == 0 {
		return nil, nil
	}
	entry, _, err := Split(b)
	if err != nil {
		return nil, err
	}
	e, err := manifest.DecodeEntry(entry)
	if err != nil {
		return nil, err
	}
	if e.Pack == nil || e.Pack.IsIndex() {
		return nil, fmt.Errorf("%w: journal frame without a pack entry", manifest.ErrCorrupt)
	}
	return e.Pack, nil
}

func Split(b []byte) (entry, sig []byte, err error) {
	var items [][]byte
	err = fields.Field{Value: b}.Items(func(it []byte) error { items = append(items, it); return nil })
	if err != nil || len(items) != 2 {
		return nil, nil, fmt.Errorf("%w: journal frame's clear part", manifest.ErrCorrupt)
	}
	return items[0], items[1], nil
}

func Pack(raw []byte, scope manifest.Scope, key ed25519.PublicKey) *manifest.Pack {
	public := frames.ClearPart(raw)
	if public == nil {
		return nil
	}
	entry, sig, err := Split(public)
	if err != nil || manifest.VerifyEntry(key, manifest.PackEntryContext, scope, entry, sig) != nil {
		return nil
	}
	e, err := manifest.DecodeEntry(entry)
	if err != nil {
		return nil
	}
	return e.Pack
}

// SignPack is the clear part of the frame that commits a pack: its entry, which the device signs.
func SignPack(p *manifest.Pack, scope manifest.Scope, key ed25519.PrivateKey) ([]byte, error) {
	raw, err := p.Encode()
	if err != nil {
		return nil, err
	}
	sig := crypto.SignContext(key, packContext, append(scope.Bytes(), raw...))
	return fields.AppendItem(fields.AppendItem(nil, raw), sig), nil
}
