package importer

import "context"

// leaveMarker writes the run's marker for the time of the deletes, unless it was seen: of a run that
// had completed it was removed. A cancel may be cut off when its objects are gone and the journal has
// them still; the next one knows the target by the marker then. A target that refuses
// it costs this alone.
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
	return r.mark(ctx, false)
}
