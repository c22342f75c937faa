package target

import (
	"context"
	"time"
)

// Listed is what a listing says of an object: of its content nothing.
type Listed struct {
	Key          string
	Size         int64 // -1: it does not say
	ETag         string
	Modified     time.Time
	Algorithm    string // of the checksum that the store keeps; "": it does not say
	Latest       Latest
	DeleteMarker bool
}

// Latest tells whether a line of a listing is of the current version of its key.
type Latest uint8

// A listing without versions says LatestUnknown: each key stands there once.
const (
	LatestUnknown Latest = iota
	LatestYes
	LatestNo
)

// ReservedPrefix begins the names of our own objects below the target's prefix:
// those of the probe, of a journal in the target, the commit marker.
const ReservedPrefix = ".sledge-"

// Lister is a store that lists its keys.
type Lister interface {
	// List gives one page of the objects below a prefix and the token of the next
	// page, "" after the last. One attempt, as Head.
	List(ctx context.Context, prefix, after string) (page []Listed, next string, err error)
}
