package fsck

import (
	"bytes"
	"fmt"
)

// check holds a record that is whole to the rules of its kind (format.md 7.2): a reader
// refuses what breaks them.
func (r *Record) check(m message) error {
	const maxInt = 1<<63 - 1
	for _, most := range []struct {
		number uint32
		value  uint64
	}{{3, maxInt}, {4, 0o7777}, {5, 1<<32 - 1}, {6, 1<<32 - 1}, {13, maxInt}, {34, maxInt}} {
		if v := m.uint(most.number); v > most.value {
			return fmt.Errorf("%w: field %d is %d", errMalformed, most.number, v)
		}
	}
	if r.Kind == KindContinuation || r.follows {
		return nil // what follows is seen with the key
	}
	if r.Kind != KindFile && r.Kind != KindHardLink && (m.has(13) || m.has(partsField) || m.has(unitSums) || m.has(extents)) {
		return fmt.Errorf("%w: parts or extents of an entry that has no content", errMalformed)
	}
	switch r.Kind {
	case KindDirectory:
		if r.Size != 0 {
			return fmt.Errorf("%w: directory of %d bytes", errMalformed, r.Size)
		}
	case KindSymlink:
		if len(r.Target) == 0 || len(r.Target) > maxPathSize || r.Size != uint64(len(r.Target)) {
			return fmt.Errorf("%w: symlink of %d bytes to a target of %d", errMalformed, r.Size, len(r.Target))
		}
	case KindSkipped:
		if r.Skipped == "" {
			return fmt.Errorf("%w: skipped without a reason", errMalformed)
		}
	case KindHardLink:
		if m.uint(20) == 0 || !validPath(r.Target) {
			return fmt.Errorf("%w: hard link without its group or its first name", errMalformed)
		}
		return r.checkContent()
	case KindFile:
		return r.checkContent()
	}
	return nil
}

// checkContent demands the parts that the size asks for, and extents that cover it.
func (r *Record) checkContent() error {
	units := (r.Size + partUnit - 1) / partUnit
	partSize := uint64(0)
	if r.Size > partUnit {
		partSize = (units + maxParts - 1) / maxParts * partUnit
	}
	switch {
	case r.PartSize != partSize:
		return fmt.Errorf("%w: parts of %d bytes in %d, not of %d", errMalformed, r.PartSize, r.Size, partSize)
	case partSize == 0 && r.SHA256 == nil:
		return fmt.Errorf("%w: content without a digest", errMalformed)
	case partSize > 0 && r.PartCount == 0:
		return fmt.Errorf("%w: parts without digests", errMalformed)
	case r.unitSums != 0 && (partSize == 0 || r.unitSums != units):
		return fmt.Errorf("%w: %d unit CRCs for %d bytes", errMalformed, r.unitSums, r.Size)
	case r.covered != r.Size:
		return fmt.Errorf("%w: extents cover %d of %d bytes", errMalformed, r.covered, r.Size)
	}
	return nil
}

// cover takes the extents of a record, which follow each other.
func (r *Record) cover(offset, length uint64) error {
	if offset != r.covered {
		return fmt.Errorf("%w: extent at %d behind %d bytes", errMalformed, offset, r.covered)
	}
	r.covered += length
	return nil
}

// follow takes the attributes of a record, whose names ascend.
func (r *Record) follow(name []byte) error {
	if r.attribute != nil && bytes.Compare(r.attribute, name) >= 0 {
		return fmt.Errorf("%w: extended attributes out of order", errMalformed)
	}
	r.attribute = name
	return nil
}
