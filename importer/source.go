package importer

import (
	"context"
	"io"

	"github.com/sledge-io/sledge/manifest"
)

// Source is what the importer reads: a sealed device whose manifest has been
// verified. The appliance's reader satisfies it. Its methods may be called at
// once from many goroutines, except Entries.
type Source interface {
	Scope() manifest.Scope

	// Checkpoint is the verified checkpoint of the manifest.
	Checkpoint() manifest.Checkpoint

	// LabelChecked tells whether the checkpoint was compared with the label that
	// travelled outside the device.
	LabelChecked() bool

	// Entries calls f for every entry in manifest order, skipped ones included,
	// and stops with f's first error. The importer calls it twice, one after the
	// other: both times the same entries must come. f does not keep the Entry's
	// slices changed; the Source may not use them again.
	Entries(ctx context.Context, f func(Entry) error) error

	// Open gives the content of a file or a hard link. Bytes it returns have been
	// decrypted under their tag.
	Open(ctx context.Context, r *manifest.Record) (Content, error)
}

// Totaler is a Source that knows the manifest's totals. They make progress
// complete and are compared with what was met.
type Totaler interface {
	Totals() (manifest.Totals, error)
}

// Content is the content of one entry. ReadAt may be called at once from many
// goroutines and follows io.ReaderAt; Close is last.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Entry is one entry of the manifest: its whole record, and the raw records it
// was made of (the record, then its continuation records).
type Entry struct {
	Record *manifest.Record
	Raw    []RawRecord
}

// RawRecord is one record as it stands in its page, with the salt of its commitment.
type RawRecord struct {
	Page  uint64
	Index int
	Bytes []byte
	Salt  [32]byte
}
