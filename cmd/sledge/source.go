package main

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/manifest"
)

// importSource makes the appliance's reader the Source that the importer
// declares. Neither package knows the other.
type importSource struct{ r *appliance.Reader }

var (
	_ importer.Source  = (*importSource)(nil)
	_ importer.Totaler = (*importSource)(nil)
)

func (s *importSource) Scope() manifest.Scope           { return s.r.Scope }
func (s *importSource) Checkpoint() manifest.Checkpoint { return s.r.Checkpoint() }
func (s *importSource) LabelChecked() bool              { return s.r.LabelChecked }

func (s *importSource) Totals() (manifest.Totals, error) { return s.r.Totals(), nil }

// Entries implements importer.Source.
func (s *importSource) Entries(ctx context.Context, f func(importer.Entry) error) error {
	return s.r.Entries(ctx, func(e appliance.Entry) error {
		raw := make([]importer.RawRecord, len(e.Raw))
		for i, r := range e.Raw {
			raw[i] = importer.RawRecord(r)
		}
		return f(importer.Entry{Record: e.Record, Raw: raw})
	})
}

// Open implements importer.Source.
func (s *importSource) Open(ctx context.Context, r *manifest.Record) (importer.Content, error) {
	c, err := s.r.Open(ctx, r)
	if err != nil {
		return nil, sourceError(r.Path, err)
	}
	return &importContent{c, r.Path}, nil
}

type importContent struct {
	*appliance.Content
	path string
}

func (c *importContent) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Content.ReadAt(p, off)
	return n, sourceError(c.path, err)
}

// sourceError tells the importer whether the disks lost an entry's bytes, or hold
// others than the manifest says.
func sourceError(path string, err error) error {
	switch {
	case errors.Is(err, appliance.ErrLost), errors.Is(err, appliance.ErrTooFewDisks):
		return importer.NewError(importer.CodeSourceLost, path, err.Error(), err)
	case errors.Is(err, manifest.ErrCorrupt), errors.Is(err, crypto.ErrCorrupt):
		return importer.NewError(importer.CodeSourceCorrupt, path, err.Error(), err)
	}
	return err
}
