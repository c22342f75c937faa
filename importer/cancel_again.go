package importer

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// leaveMarker writes the run's marker for the time of the deletes, unless it was seen: of a run that
// had completed it was removed. A cancel may be cut off when its objects are gone and the journal has
// them still; the next one knows the target by the marker then. A target that does not take
// it, for whatever reason, costs this alone: each delete may be allowed.
func (c *canceler) leaveMarker(ctx context.Context) error {
	r := c.run
	if !c.remove || r.mirror != nil || r.witnessed || r.opts.Emptied || c.out.NoProbe != "" {
		return nil
	}
	held, _, err := r.drawHeld(recheckSize)
	if err != nil || len(held) == 0 {
		return err
	}
	var end finished
	ok, err := r.journal.load(finishedKey, &end)
	if err == nil && ok && end.Cleared {
		end.Cleared = false // the next cancel looks for it
		err = r.journal.store(finishedKey, end, true)
	}
	if err != nil {
		return err
	}
	if err := r.intendMarker(); err != nil {
		return err
	}
	err = r.writeMarker(ctx, false)
	if err == nil || errors.Is(err, request.ErrStopped) || target.IsCanceled(err) || target.HasCode(err, target.CodeTakenOver) {
		return err
	}
	r.opts.Log.Warn("the target takes no marker of the run; if this cancel is cut off once it has deleted every object, the next one needs --emptied", "error", err)
	if target.IsUnknown(err) {
		return nil // it may be there
	}
	return r.forgetMarker()
}
