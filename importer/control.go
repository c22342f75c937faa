package importer

import (
	"path"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// noteEarlier keeps what was asked for before this start. It must be called before
// anybody can know of the start.
func (t *teller) noteEarlier() {
	if o := t.run.opts; o.StatusEvery > 0 && o.StateDir != nil {
		t.operator.Before(o.StateDir, "")
		t.operator.Before(o.StateDir, path.Join(RunsFolder, o.RunID))
	}
}

// hear does what the control file says, and sees whether the run was taken over.
func (r *run) hear(t *teller) {
	if err := r.ours(); target.HasCode(err, target.CodeTakenOver) {
		r.halt(target.AsError(err))
	}
	r.tellHours(t)
	r.heed(t)
}

// heed does what the control file says.
func (r *run) heed(t *teller) {
	if r.opts.StatusEvery <= 0 {
		return
	}
	c, ok := t.operator.Hear(r.opts.StateDir, r.base)
	if !ok {
		return
	}
	switch c.Want {
	case status.WantPause:
		r.calls.Gate.Pause(true)
	case status.WantRun:
		r.calls.Gate.Pause(false)
		r.calls.Gate.Nudge()
	case status.WantStop:
		r.stopAsked()
	default:
		return
	}
	r.mu.Lock()
	r.heard = c.At
	r.mu.Unlock()
	r.opts.Log.Info("asked by the operator", "want", c.Want, "by", c.By)
}
