package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// waitsForJoins is what a run that was asked to stop waits for; "" is nothing.
func (r *run) waitsForJoins() string {
	n := r.calls.Joining()
	if n == 0 || !r.asked.Load() {
		return ""
	}
	return fmt.Sprintf("the answers to %d %s, at most %s", n, request.CompleteMultipartUpload, request.JoinGrace)
}

// sayJoins tells the operator of the run, who has not asked for the stop, once: it may be asked for again.
func (r *run) sayJoins() {
	if text := r.waitsForJoins(); text != "" && !r.joinsSaid.Swap(true) {
		r.opts.Log.Log(context.Background(), request.LevelNotice, "the stop waits for "+text)
	}
}

// open is when a Complete of this upload, or of one before it, was to be sent of which no answer
// is known; zero if none was.
func (p pending) open() time.Time { return later(p.Joins, p.Earlier) }

// spent tells what is kept of an upload that is no more, for what its Complete may yet bring.
func (p pending) spent() bool { return p.UploadID == "" && p.At.IsZero() }

// intendJoin makes known, durably, that the upload is about to be completed, and looks whether the
// run is still ours: who takes it over, or cancels it, after that look knows of it. It returns what
// was known before.
func (t *transfer) intendJoin(ctx context.Context) (before time.Time, err error) {
	before, t.upload.Joins = t.upload.Joins, t.run.opts.Now().UTC()
	return before, t.run.keepUpload(ctx, t, t.upload)
}

// joinRefused takes that back where it is certain that nothing comes of it. What an earlier start
// has sent stays known.
func (t *transfer) joinRefused(before time.Time) error {
	if t.unsure {
		return nil
	}
	t.upload.Joins = before
	return t.run.journal.setUpload(t.at, t.upload)
}

// forget strikes the entry's upload from the journal. What a Complete may yet bring that had no
// answer stays known, until the object was seen.
func (t *transfer) forget(ctx context.Context) error {
	p, _, err := t.run.journal.upload(t.at)
	switch open := p.open(); {
	case err != nil:
		return err
	case !t.settled && !open.IsZero():
		return t.run.keepLeft(ctx, t, pending{Earlier: open})
	}
	err = t.run.dropUpload(ctx, t.at)
	t.begun = t.begun && err != nil
	return err
}
