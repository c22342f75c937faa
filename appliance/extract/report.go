package extract

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/appliance/disk"
)

// maxListed is how many failures, warnings and attributes a report names.
const maxListed = 10000

// Report is what an extraction did. An entry that fails never stops the
// others. Each entry of the manifest is counted once: under Entries, Skipped or
// Failed.
type Report struct {
	Entries  uint64   `json:"entries"`    // in the folder now, as recorded
	Bytes    int64    `json:"bytes"`      // of their files; a file with several names counts once
	Existing uint64   `json:"existing"`   // of the entries: files and links that were there already
	Skipped  uint64   `json:"skipped"`    // records of entries that were never loaded
	Remarks  uint64   `json:"remarks"`    // records whose later look failed: the last good version
	Failed   uint64   `json:"failed"`     // not in the folder, or not as recorded
	Lost     uint64   `json:"lost"`       // of the failed: their bytes cannot be restored
	InTheWay uint64   `json:"in_the_way"` // of the failed: something else has the name
	Failures []string `json:"failures"`
	Warnings []string `json:"warnings"` // about the whole
	Partial  bool     `json:"partial"`  // the source had not been loaded whole when it was sealed
	Repaired uint64   `json:"repaired_blocks"`
	Leftover uint64   `json:"leftovers_removed"` // temporary files of an interrupted run

	// Attributes of entries that are there: what could not be restored, or was
	// changed by the folder's file system.
	AttributesLost uint64   `json:"attributes_lost"`
	Attributes     []string `json:"attributes"` // the first maxListed of them
}

// ErrInTheWay: the folder has other content under an entry's name.
var ErrInTheWay = errors.New("something else is there already")

// ErrSomeFailed: some entries could not be extracted; the report names them.
var ErrSomeFailed = errors.New("some entries failed")

// failure is the error of the whole by the gravest of its entries'.
func (x *extractor) failure() error {
	r := x.report
	err := fmt.Errorf("%w: %d of %d", ErrSomeFailed, r.Failed, r.Failed+r.Entries)
	switch {
	case r.Lost > 0:
		return fmt.Errorf("%w: %d entries cannot be restored: %w", disk.ErrLost, r.Lost, err)
	case r.InTheWay == r.Failed:
		return fmt.Errorf("%w: %w", ErrInTheWay, err)
	}
	return err
}

// fail counts an entry that was not made. An error of the process's own is none of
// the entry's, nor is a failed sync: these end the whole.
func (x *extractor) fail(path string, err error) {
	if disk.OwnFault(err) || errors.Is(err, ErrUnsynced) {
		x.cancel(fmt.Errorf("%q: %w", path, err))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report.Failed++
	switch {
	case errors.Is(err, disk.ErrLost):
		x.report.Lost++
	case errors.Is(err, fs.ErrExist):
		x.report.InTheWay++
	}
	if len(x.report.Failures) < maxListed {
		x.report.Failures = append(x.report.Failures, fmt.Sprintf("%q: %v", path, err))
	}
}

// lose counts an attribute that is not as recorded, and names it.
func (x *extractor) lose(path, what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report.AttributesLost++
	if len(x.report.Attributes) < maxListed {
		x.report.Attributes = append(x.report.Attributes, fmt.Sprintf("%q: %s", path, what))
	}
}

// notice warns once a run.
func (x *extractor) notice(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, w := range x.report.Warnings {
		if w == text {
			return
		}
	}
	x.report.Warnings = append(x.report.Warnings, text)
}

func (x *extractor) existing() {
	x.mu.Lock()
	x.report.Existing++
	x.mu.Unlock()
}
