package manifest

import (
	"fmt"
	"math"
)

// maxReasonCode bounds a reason code (section 7.2, fields 22 and 35).
const maxReasonCode = 64

// check holds what every whole record must satisfy, written or read.
func (r *Record) check() error {
	if err := CheckPath(r.Path); err != nil {
		return err
	}
	fail := func(text string) error { return fmt.Errorf("%s: %s", quote(r.Path), text) }
	switch {
	case r.Size < 0 || r.Allocated < 0 || r.Mode > 07777:
		return fail("size or mode out of range")
	case len(r.SHA256) != 0 && len(r.SHA256) != 32:
		return fail("bad digest")
	case len(r.Remark) > maxReasonCode || len(r.Reason) > maxReasonCode:
		return fail("a reason that is too long")
	case len(r.LinkTo) > MaxPath:
		return fail("a hard link's first name that is too long")
	}
	if err := r.checkLists(); err != nil {
		return fail(err.Error())
	}
	if r.Kind != KindFile && r.Kind != KindHardlink && (r.PartSize > 0 || len(r.Parts)+len(r.UnitCRCs)+len(r.Extents) > 0) {
		return fail("parts or extents of an entry that has no content")
	}
	for i, x := range r.Xattrs {
		if x.Name == "" || len(x.Name) > 255 || i > 0 && r.Xattrs[i-1].Name >= x.Name {
			return fail("extended attributes without a name or out of order")
		}
	}
	switch r.Kind {
	case KindFile, KindHardlink:
		if err := r.checkContent(); err != nil {
			return fail(err.Error())
		}
		if r.Kind != KindHardlink {
			break
		}
		if r.LinkGroup == 0 {
			return fail("hard link without its group")
		}
		if err := CheckPath(r.LinkTo); err != nil {
			return fail("hard link: " + err.Error())
		}
	case KindDir:
		if r.Size != 0 {
			return fail("directory with a size")
		}
	case KindSymlink:
		if r.Size != int64(len(r.Target)) || r.Target == "" || len(r.Target) > MaxPath {
			return fail("bad symlink target")
		}
	case KindSkipped:
		if r.Reason == "" {
			return fail("skipped without a reason")
		}
	default:
		return fail("unknown kind")
	}
	return nil
}

func (r *Record) checkContent() error {
	switch {
	case r.PartSize != PartSizeFor(r.Size):
		return fmt.Errorf("part size %d for %d bytes", r.PartSize, r.Size)
	case r.PartSize == 0 && len(r.SHA256) != 32:
		return fmt.Errorf("no digest")
	case r.PartSize > 0 && int64(len(r.Parts)) != (r.Size+r.PartSize-1)/r.PartSize:
		return fmt.Errorf("%d part digests for %d bytes", len(r.Parts), r.Size)
	case r.PartSize == 0 && len(r.Parts) > 0:
		return fmt.Errorf("part digests for one part")
	case len(r.UnitCRCs) > 0 && (r.PartSize == 0 || int64(len(r.UnitCRCs)) != (r.Size+UnitSize-1)/UnitSize):
		return fmt.Errorf("%d unit CRCs for %d bytes", len(r.UnitCRCs), r.Size)
	}
	for _, p := range r.Parts {
		if len(p) != 32 {
			return fmt.Errorf("part digest of %d bytes", len(p))
		}
	}
	var at int64
	for _, e := range r.Extents {
		if e.Offset != at || e.Length <= 0 || e.Length > r.Size-at {
			return fmt.Errorf("extents do not cover the content")
		}
		if err := e.check(); err != nil {
			return err
		}
		at += e.Length
	}
	if at != r.Size {
		return fmt.Errorf("extents cover %d of %d bytes", at, r.Size)
	}
	return nil
}

// checkLists holds the lists to what a reader takes of one entry.
func (r *Record) checkLists() error {
	for i, most := range listLimits {
		if n := r.listLen(i); n > most {
			return fmt.Errorf("%d items in field %d, at most %d", n, listFields[i], most)
		}
	}
	bytes := 0
	for _, x := range r.Xattrs {
		bytes += XattrSize(len(x.Name), len(x.Value))
	}
	if bytes > MaxXattrs {
		return fmt.Errorf("extended attributes of %d bytes, at most %d", bytes, MaxXattrs)
	}
	return nil
}

// check holds a place to what a pack can have, so that no reader computes beyond it.
func (e Extent) check() error {
	switch {
	case e.Offset < 0 || e.Length <= 0 || e.Offset > math.MaxInt64-e.Length:
		return fmt.Errorf("%d bytes at %d", e.Length, e.Offset)
	case e.Hole && (e.Pack != 0 || e.PackOffset != 0):
		return fmt.Errorf("a hole with a place in a pack")
	case !e.Hole && (e.PackOffset < 0 || e.Length > MaxBody || e.PackOffset > MaxBody-e.Length):
		return fmt.Errorf("%d bytes at %d of a pack, which has at most %d", e.Length, e.PackOffset, MaxBody)
	}
	return nil
}
