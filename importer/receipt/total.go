package receipt

import (
	"fmt"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/sample"
	"github.com/sledge-io/sledge/manifest"
)

// Total is the predicate of total.dsse. Counts are of the list's lines,
// so that they follow from the list alone.
type Total struct {
	Version      int                      `json:"version"`
	Critical     []string                 `json:"critical"`
	Job          manifest.ID              `json:"job"`
	Device       manifest.ID              `json:"device"`
	Generation   uint32                   `json:"generation"`
	Run          string                   `json:"run"`
	ManifestSize uint64                   `json:"manifest_size"`
	ManifestRoot []byte                   `json:"manifest_root"`
	Label        string                   `json:"label"`
	Target       string                   `json:"target"`
	Endpoint     string                   `json:"endpoint,omitempty"`
	Profile      string                   `json:"profile"`
	Probe        string                   `json:"probe"`
	Conditional  bool                     `json:"conditional_writes"`
	Records      uint64                   `json:"records"`
	Entries      uint64                   `json:"entries"`
	Outcomes     map[entry.Outcome]uint64 `json:"outcomes"`
	Bytes        int64                    `json:"bytes"`
	Proof        map[entry.Proof]uint64   `json:"proof"`
	Differences  []string                 `json:"differences,omitempty"`
	Recheck      *Recheck                 `json:"recheck,omitempty"` // of objects of earlier starts
	Complete     bool                     `json:"complete"`
	Started      time.Time                `json:"started"`
	Finished     time.Time                `json:"finished"`
	Software     string                   `json:"software"`
	Rules        string                   `json:"rules,omitempty"` // SHA-256 of the importer's own rules, which may leave out links and folders
}

// Origin is the first line of a receipt checkpoint and its key's name.
func Origin(s manifest.Scope, run string) string { return s.Origin() + "/import/" + run }

// NamesRun reports whether receipts of this name are of the run of this id: its name is
// followed by the number of a later attempt, by digits of the state folder, or by both.
func NamesRun(name, runID string) bool {
	return name == runID || strings.HasPrefix(name, runID+".")
}

// Recheck is what a look at the objects that the journal holds for stored has shown:
// all that were looked at are there, with the manifest's size and checksum.
type Recheck struct {
	Population uint64    `json:"population"` // objects that the journal held for stored
	Size       uint64    `json:"size"`       // of these, asked for by HEAD
	Confidence float64   `json:"confidence"`
	AtMost     uint64    `json:"at_most"` // of the population are gone, or not shown, with that confidence
	At         time.Time `json:"at"`
}

// String is the result in words. What the target did not show counts as gone.
func (c Recheck) String() string {
	text := fmt.Sprintf("%s of %s objects of earlier starts, all there", sample.Grouped(c.Size), sample.Grouped(c.Population))
	if c.Size == c.Population {
		return text
	}
	return fmt.Sprintf("%s: with %g %% confidence at most %s are not", text, 100*c.Confidence, sample.Grouped(c.AtMost))
}
