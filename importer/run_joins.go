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

// intendJoin makes known, durably, that the upload is about to be completed, and looks whether the
// run is still ours: who takes it over, or cancels it, after that look knows of it.
func (t *transfer) intendJoin(ctx context.Context) error {
	t.upload.Joins = t.run.opts.Now().UTC()
	return t.run.keepUpload(ctx, t, t.upload)
}

// joinRefused takes that back where it is certain that nothing comes of it.
func (t *transfer) joinRefused() error {
	if t.unsure {
		return nil
	}
	t.upload.Joins = time.Time{}
	return t.run.journal.setUpload(t.at, t.upload)
}
