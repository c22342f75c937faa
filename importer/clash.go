package importer

import (
	"fmt"
)

// clash is why an entry cannot have its key: the entry at this place has it, or
// one that excludes it.
type clash struct {
	kind  clashKind
	page  uint64
	index int
}

type clashKind byte

const (
	clashNone  clashKind = iota
	clashSame            // the other has the same key
	clashBelow           // the other's key lies below this one
	clashAbove           // the other's key is a folder on the way to this one
)

// cause names no path: it stands in the journal. The place is that of a line of
// objects.list.
func (c clash) cause() string {
	other := fmt.Sprintf("the entry of record %d on page %d", c.index, c.page)
	switch c.kind {
	case clashSame:
		return "the rules give it the key of " + other
	case clashBelow:
		return "this target keeps keys as folders: " + other + " lies below this object"
	}
	return "this target keeps keys as folders: " + other + " is an object on the way to this key"
}
