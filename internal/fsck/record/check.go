package record

import (
	"bytes"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// check holds a record that is whole to the rules of its kind (format.md 7.2): a reader
// refuses what breaks them.
func (r *Record) check(m wire.Message) error {
	const maxInt = 1<<63 - 1
	for _, most := range []struct {
		number uint32
		value  uint64
	}{{3, maxInt}, {4, 0o7777}, {5, 1<<32 - 1}, {6, 1<<32 - 1}, {13, maxInt}, {34, maxInt}} {
		if v := m.Uint(most.number); v > most.value {
			return fmt.Errorf("%w: field %d is %d", wire.ErrMalformed, most.number, v)
		}
	}
	if r.Kind == wire.KindContinuation || r.follows {
		return nil // what follows is seen with the key
	}
	if r.Kind != wire.KindFile && r.Kind != wire.KindHardLink && (m.Has(13) || m.Has(PartsField) || m.Has(UnitSums) || m.Has(Extents)) {
		return fmt.Errorf("%w: parts or extents of an entry that has no content", wire.ErrMalformed)
	}
	switch r.Kind {
	case wire.KindDirectory:
		if r.Size != 0 {
			return fmt.Errorf("%w: directory of %d bytes", wire.ErrMalformed, r.Size)
		}
	case wire.KindSymlink:
		if len(r.Target) == 0 || len(r.Target) > wire.MaxPathSize || r.Size != uint64(len(r.Target)) {
			return fmt.Errorf("%w: symlink of %d bytes to a target of %d", wire.ErrMalformed, r.Size, len(r.Target))
		}
	case wire.KindSkipped:
		if r.Skipped == "" {
			return fmt.Errorf("%w: skipped without a reason", wire.ErrMalformed)
		}
	case wire.KindHardLink:
		if m.Uint(20) == 0 || !validPath(r.Target) {
			return fmt.Errorf("%w: hard link without its group or its first name", wire.ErrMalformed)
		}
		return r.checkContent()
	case wire.KindFile:
		return r.checkContent()
	}
	return nil
}

// checkContent demands the parts that the size asks for, and extents that cover it.
func (r *Record) checkContent() error {
	units := (r.Size + PartUnit - 1) / PartUnit
	partSize := uint64(0)
	if r.Size > PartUnit {
		partSize = (units + maxParts - 1) / maxParts * PartUnit
	}
	switch {
	case r.PartSize != partSize:
		return fmt.Errorf("%w: parts of %d bytes in %d, not of %d", wire.ErrMalformed, r.PartSize, r.Size, partSize)
	case partSize == 0 && r.SHA256 == nil:
		return fmt.Errorf("%w: content without a digest", wire.ErrMalformed)
	case partSize > 0 && r.PartCount == 0:
		return fmt.Errorf("%w: parts without digests", wire.ErrMalformed)
	case r.unitSums != 0 && (partSize == 0 || r.unitSums != units):
		return fmt.Errorf("%w: %d unit CRCs for %d bytes", wire.ErrMalformed, r.unitSums, r.Size)
	case r.covered != r.Size:
		return fmt.Errorf("%w: extents cover %d of %d bytes", wire.ErrMalformed, r.covered, r.Size)
	}
	return nil
}

// cover takes the extents of a record, which follow each other.
func (r *Record) cover(offset, length uint64) error {
	if offset != r.covered {
		return fmt.Errorf("%w: extent at %d behind %d bytes", wire.ErrMalformed, offset, r.covered)
	}
	r.covered += length
	return nil
}

// follow takes the attributes of a record, whose names ascend.
func (r *Record) follow(name []byte) error {
	if r.attribute != nil && bytes.Compare(r.attribute, name) >= 0 {
		return fmt.Errorf("%w: extended attributes out of order", wire.ErrMalformed)
	}
	r.attribute = name
	return nil
}
