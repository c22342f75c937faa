package entry

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Source is what the importer reads: a sealed device whose manifest has been
// verified. The appliance's reader satisfies it. Its methods may be called at
// once from many goroutines.
type Source interface {
	Scope() manifest.Scope

	// Checkpoint is the verified checkpoint of the manifest.
	Checkpoint() manifest.Checkpoint

	// LabelChecked tells whether the checkpoint was compared with the label that
	// travelled outside the device.
	LabelChecked() bool

	// Pages is how many pages the manifest has: all that Entries can begin at.
	Pages() uint64

	// Totals are the manifest's. They make progress complete, and a run whose entries do not
	// add up to them is not.
	Totals() (manifest.Totals, error)

	// Entries calls f for every entry that begins in page from or later, in
	// manifest order, skipped ones included, and stops with f's first error. The
	// importer reads every page at least twice: the same entries must come each
	// time. f does not keep the Entry's slices changed; the Source may not use
	// them again. A page that cannot be read is an Entry with Lost set, and the
	// walk goes on behind it.
	Entries(ctx context.Context, from uint64, f func(Entry) error) error

	// Open gives the content of a file or a hard link. Bytes it returns have been
	// decrypted under their tag.
	Open(ctx context.Context, r *manifest.Record) (Content, error)
}

// Content is the content of one entry. ReadAt may be called at once from many
// goroutines and follows io.ReaderAt; Close is last.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Entry is one entry of the manifest: its whole record, and the raw records it
// was made of (the record, then its continuation records). Where a page is lost,
// only Page and Lost are set: what it held is not known.
type Entry struct {
	Record *manifest.Record
	Raw    []RawRecord
	Page   uint64 // in which it begins
	Lost   error

	// What the outlook knows of its neighbours.
	Filled bool          // a directory with entries
	Hidden *target.Error // of a directory: what follows it is on a lost page
	Clash  Clash         // it cannot have its key
}

func (p Place) Page() uint64 { return uint64(p) / recordsPerPage }

func (p Place) String() string {
	return fmt.Sprintf("page %d, record %d", p.Page(), uint64(p)%recordsPerPage)
}

// RawRecord is one record as it stands in its page, with the salt of its commitment.
type RawRecord struct {
	Page  uint64
	Index int
	Bytes []byte
	Salt  [32]byte
}

// Before tells a directory about its successor: what is in it follows it.
func (e *Entry) Before(next Entry) {
	switch {
	case e.Record == nil || e.Record.Kind != manifest.KindDir:
	case next.Lost != nil:
		e.Hidden = LostPage(next)
	case next.Record != nil:
		e.Filled = strings.HasPrefix(next.Record.OrderKey(), e.Record.OrderKey())
	}
}
