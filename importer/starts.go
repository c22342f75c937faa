package importer

import "github.com/sledge-io/sledge/importer/target"

// countStart numbers this start among those of the run in this state folder, also where
// the one before ended before its first object. A journal of software that did not count
// had at least as many starts as attempts. Of a run that has ended nothing else may be
// written, so a full disk does not refuse it.
func (r *run) countStart() error {
	h := &r.header
	if h.Starts > 0 || h.Begun {
		h.Starts = max(h.Starts, h.Attempt)
	}
	h.Starts++
	err := r.journal.store(headerKey, r.header, true)
	if r.ended.Done && target.HasCode(err, target.CodeJournalFull) {
		return nil
	}
	return err
}

// startNumber is never below the attempt's number: on another host the run may have
// started more often than the journal here knows.
func (r *run) startNumber() int { return max(r.header.Starts, r.header.Attempt) }
