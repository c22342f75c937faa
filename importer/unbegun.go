package importer

import (
	"fmt"

	"github.com/sledge-io/sledge/importer/target/s3"
)

// anew prepares the journal of a run that was not begun for other options: nothing was stored
// yet, so a wrong endpoint or bucket may be put right. What was found out under other options
// is not true of these, and another run has nothing of the one before. It returns the place
// of a marker or a journal that may be left where this run does not look any more.
func (j *journal) anew(h header) (left string, err error) {
	var was header
	ok, err := j.load(headerKey, &was)
	if err != nil || !ok || was.Begun || was.Version != h.Version || was.Options.differs(h.Options) == "" {
		return "", err
	}
	if err := j.forgetClashes(); err != nil {
		return "", err
	}
	moved := was.Options.leaves() != h.Options.leaves()
	if (moved || was.Options.JournalInTarget != h.Options.JournalInTarget) && (was.mayHaveMarker() || was.Options.JournalInTarget && was.Lease > 0) {
		left = was.Options.leaves()
	}
	next := was
	next.Options, next.Odd, next.Named, next.Renames, next.Marker, next.Marked = h.Options, nil, false, nil, "", h.Marked
	next.Earlier = !moved && was.mayHaveMarker()
	if moved {
		next.Lease = 0
	}
	if was.Options.RunID != h.Options.RunID {
		next = h
		next.Taken = was.Taken
	}
	return left, j.store(headerKey, next, true)
}

// leaves is where a run with these options has its marker or its journal in the target.
func (o runOptions) leaves() string {
	place := fmt.Sprintf("s3://%s/%s%s%s/%s-%d/", o.Bucket, o.Prefix, JournalPrefix, o.RunID, o.Device, o.Generation)
	if endpoint := s3.SameEndpoint(o.Endpoint); endpoint != "" {
		place += " at " + endpoint
	}
	return place
}
