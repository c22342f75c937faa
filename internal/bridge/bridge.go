// Package bridge makes the appliance's reader the Source that the importer
// declares. Neither of the two knows the other; they meet here.
package bridge

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Source is a sealed device that is imported.
type Source struct{ r *appliance.Reader }

var (
	_ entry.Source = Source{}
)

// New makes a Source of a reader, which stays the caller's to close.
func New(r *appliance.Reader) Source { return Source{r} }

// Scope implements importer.Source, as do the others.
func (s Source) Scope() manifest.Scope { return s.r.Scope }

// Checkpoint is that of the set.
func (s Source) Checkpoint() manifest.Checkpoint { return s.r.Checkpoint() }

// LabelChecked tells whether the set was opened with its label.
func (s Source) LabelChecked() bool { return s.r.LabelChecked }

// Totals implements importer.Source.
func (s Source) Totals() (manifest.Totals, error) { return s.r.Totals(), nil }

// Pages is how many pages the manifest has.
func (s Source) Pages() uint64 { return s.r.Pages() }

// Entries calls f for every entry from a page on, and for every page that is lost.
func (s Source) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	lost := func(page uint64, err error) error { return f(entry.Entry{Page: page, Lost: err}) }
	return s.r.EntriesFrom(ctx, from, lost, func(e appliance.Entry) error {
		raw := make([]entry.RawRecord, len(e.Raw))
		for i, r := range e.Raw {
			raw[i] = entry.RawRecord(r)
		}
		return f(entry.Entry{Record: e.Record, Raw: raw, Page: raw[0].Page})
	})
}

// Open gives the content of a file or a hard link. Errors tell whether the disks
// lost an entry's bytes, or hold others than the manifest says.
func (s Source) Open(ctx context.Context, r *manifest.Record) (entry.Content, error) {
	c, err := s.r.Open(ctx, r)
	if err != nil {
		return nil, sourceError(r.Path, err)
	}
	return &content{c, r.Path}, nil
}

type content struct {
	*appliance.Content
	path string
}

func (c *content) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Content.ReadAt(p, off)
	return n, sourceError(c.path, err)
}

func sourceError(path string, err error) error {
	switch {
	case errors.Is(err, appliance.ErrLost), errors.Is(err, appliance.ErrTooFewDisks):
		return target.NewError(target.CodeSourceLost, path, err.Error(), err)
	case errors.Is(err, manifest.ErrCorrupt), errors.Is(err, crypto.ErrCorrupt):
		return target.NewError(target.CodeSourceCorrupt, path, err.Error(), err)
	}
	return err
}
