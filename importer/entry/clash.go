package entry

import (
	"fmt"
)

// Clash is why an entry cannot have its key: the entry at this place has it, or
// one that excludes it.
type Clash struct {
	Kind  ClashKind
	Page  uint64
	Index int
}

type ClashKind byte

const (
	ClashNone  ClashKind = iota
	ClashSame            // the other has the same key
	ClashBelow           // the other's key lies below this one
	ClashAbove           // the other's key is a folder on the way to this one
)

// Cause names no path: it stands in the journal. The place is that of a line of
// objects.list.
func (c Clash) Cause() string {
	other := fmt.Sprintf("the entry of record %d on page %d", c.Index, c.Page)
	switch c.Kind {
	case ClashSame:
		return "the rules give it the key of " + other
	case ClashBelow:
		return "this target keeps keys as folders: " + other + " lies below this object"
	}
	return "this target keeps keys as folders: " + other + " is an object on the way to this key"
}
