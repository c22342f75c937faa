package fsck

import "fmt"

const extentsField = 17

var extentFields = schema{uintField(2), uintField(3), uintField(4), uintField(5), uintField(8)}

// checkExtents holds the extents that stand in a record itself, or in a continuation of
// its extents, to what a pack can hold. Whether they cover the content is for who reads it.
func checkExtents(m message) error {
	if m.uint(25) == extentsField {
		return eachItem(m.bytes(27), checkExtent)
	}
	if !m.has(extentsField) {
		return nil
	}
	l, err := parseFields(m.bytes(extentsField), listFormFields)
	if err != nil {
		return err
	}
	return eachItem(l.bytes(3), checkExtent)
}

func checkExtent(item []byte) error {
	e, err := parseFields(item, extentFields)
	if err != nil {
		return fmt.Errorf("extent: %w", err)
	}
	if at, n := e.uint(5), e.uint(3); !e.has(8) && (at > maxBody || n > maxBody-at) {
		return fmt.Errorf("%w: extent: %d bytes at %d, beyond every pack", errMalformed, n, at)
	}
	return nil
}
