package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/manifest"
)

// SourceID names a source to itself: its cursor is kept under it.
type SourceID = manifest.ID

// Cursor is how far a source has got, in its own words: a log position, a sequence number.
// The zero Cursor is the beginning, and Flush keeps none.
type Cursor struct {
	Source SourceID
	At     []byte // at most MaxCursor bytes
}

// MaxCursor is the largest cursor.
const MaxCursor = 64 << 10

// Sink takes entries into an open device. An entry exists for readers from the frame on
// that commits it, and that frame may come before Flush asks for it. What Put, Link and
// Withdraw refused never exists. After an error of Flush that is not the context's nobody
// knows what is durable: the sink takes nothing more, and the source resumes with another
// one. Several goroutines may use one Sink.
type Sink interface {
	// Put takes one entry and its bytes, in one pass; e.Size may be -1 (not known). A later
	// Put of the path takes the entry's place. Nil is a body of no bytes.
	Put(ctx context.Context, e Entry, body io.Reader) (Ref, error)
	// Link takes a further name of content that the sink has taken: an entry of its own,
	// whose content is not stored again.
	Link(ctx context.Context, e Entry, to Ref) error
	// Withdraw takes a path's entry away. A path without one is no error.
	Withdraw(ctx context.Context, path string) error
	// Flush returns when everything accepted so far, and c, survive a power cut and the
	// loss of m disks.
	Flush(ctx context.Context, c Cursor) error
	// Resume returns the last cursor of the source that is durable.
	Resume(ctx context.Context, source SourceID) (Cursor, error)
}

// Source gives entries to a sink, from where a cursor says on, until it has no more.
type Source interface {
	Run(ctx context.Context, to Sink, from Cursor) error
}

// Copy runs a source from the cursor that the sink has of it.
func Copy(ctx context.Context, to Sink, id SourceID, s Source) error {
	from, err := to.Resume(ctx, id)
	if err != nil {
		return err
	}
	return s.Run(ctx, to, from)
}

// Entry is what a source says of an entry.
type Entry struct {
	Path   string
	Kind   manifest.Kind // file, directory or symbolic link; of Link a file
	Size   int64         // of a file's content; -1: not known
	Mode   uint32
	UID    uint32
	GID    uint32
	Owner  string
	Group  string
	Mtime  time.Time // zero: not known
	Xattrs []manifest.Xattr
	Target string  // of a symbolic link
	Parts  []int64 // sizes of the parts that the client cut the content into; they are kept until the seal
}

// Ref is content that a sink has taken. It is of use while the sink is open.
type Ref struct{ of *content }

// content is what a Ref stands for.
type content struct {
	path   string
	record manifest.Record // digests and size
	parts  []journal.Part
	body   []byte   // of a small one
	packed []Extent // of another
	taken  *ticket
}

// Errors of a sink's callers.
var (
	ErrPathTaken = errors.New("the path belongs to something else")
	ErrSize      = errors.New("the content has another size than it was said to have")
	ErrTooLong   = errors.New("content of an unknown size is too long: its size has to be said")
	ErrEntry     = errors.New("the entry cannot be taken")
	ErrClosed    = errors.New("the door is closed")
)

// NewRef is a Ref of a sink in tests: no device knows its content.
func NewRef() Ref { return Ref{&content{}} }

// Check refuses what no sink takes.
func (e *Entry) Check() error {
	if err := manifest.CheckPath(e.Path); err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	switch {
	case e.Kind == manifest.KindSymlink && (e.Target == "" || len(e.Target) > manifest.MaxPath):
		return fmt.Errorf("%w: %q: a symbolic link's target", ErrEntry, e.Path)
	case e.Kind != manifest.KindFile && e.Kind != manifest.KindDir && e.Kind != manifest.KindSymlink:
		return fmt.Errorf("%w: %q: of kind %s", ErrEntry, e.Path, e.Kind)
	}
	return e.checkSize()
}

func (e *Entry) checkSize() error {
	sum, parts := int64(0), len(e.Parts)
	for _, n := range e.Parts {
		if n <= 0 || sum+n < sum {
			return fmt.Errorf("%w: %q: a part of %d bytes", ErrEntry, e.Path, n)
		}
		sum += n
	}
	switch {
	case e.Size < -1:
		return fmt.Errorf("%w: %q: a size of %d", ErrEntry, e.Path, e.Size)
	case parts > manifest.MaxParts:
		return fmt.Errorf("%w: %q: %d parts", ErrEntry, e.Path, parts)
	case parts > 0 && e.Size >= 0 && e.Size != sum:
		return fmt.Errorf("%w: %q: parts of %d bytes together, and a size of %d", ErrEntry, e.Path, sum, e.Size)
	}
	return nil
}

// record is the entry's, without content.
func (e *Entry) record(kind manifest.Kind) manifest.Record {
	r := manifest.Record{Kind: kind, Path: e.Path, Mode: e.Mode & 07777, UID: e.UID, GID: e.GID, Owner: e.Owner, Group: e.Group, Mtime: e.Mtime.UTC(), Xattrs: e.Xattrs}
	if kind == manifest.KindSymlink {
		r.Target, r.Size = e.Target, int64(len(e.Target))
	}
	return r
}
