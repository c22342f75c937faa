package receipt

import (
	"encoding/json"
	"strings"
	"time"
)

// CancelName is the file that marks a run as given up: in the run's folder, and in each
// folder of its receipts, so that receipts which are copied away take it along. It is
// durable before anything is deleted, and nothing removes it.
const CancelName = "cancel.json"

// CancelMark is its content. It is not signed: a reader only becomes more careful by it,
// and takes one that cannot be parsed for a mark, too.
type CancelMark struct {
	Version int       `json:"version"`
	Run     string    `json:"run"`
	At      time.Time `json:"at"`
	Host    string    `json:"host,omitempty"` // that canceled it
	PID     int       `json:"pid,omitempty"`
}

// CancelVersion is that of the file.
const CancelVersion = 1

// ReadCancelMark reads a mark. One that cannot be parsed is an empty one.
func ReadCancelMark(text []byte) (m CancelMark) {
	if json.Unmarshal(text, &m) != nil {
		return CancelMark{}
	}
	return m
}

// Of reports whether the mark counts for a run: it names that one, or none. Where the run is not
// known ("") any mark counts.
func (m CancelMark) Of(run string) bool { return m.Run == "" || run == "" || m.Run == run }

// OfReceipts reports whether the mark counts for receipts, by the name that they have of their run:
// its id, and behind points a later attempt and the digits of the state folder.
func (m CancelMark) OfReceipts(name string) bool {
	return m.Of(name) || strings.HasPrefix(name, m.Run+".")
}
