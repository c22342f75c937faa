package importer

import (
	"path"
	"slices"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// noteEarlier keeps what was asked for before this start. It must be called before
// anybody can know of the start.
func (t *teller) noteEarlier() {
	o := t.run.opts
	if o.StatusEvery <= 0 || o.StateDir == nil {
		return
	}
	for _, base := range []string{"", path.Join(RunsFolder, o.RunID)} {
		if text, err := vfs.ReadFile(o.StateDir, path.Join(base, status.ControlName), status.MaxControl); err == nil {
			t.earlier = append(t.earlier, string(text))
		}
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
	text, err := vfs.ReadFile(r.opts.StateDir, path.Join(r.base, status.ControlName), status.MaxControl)
	if err != nil {
		return // nobody has asked for anything
	}
	c, err := status.ReadControl(text)
	if err != nil || string(text) == t.heard {
		return
	}
	t.heard = string(text)
	switch c.Want {
	case status.WantPause:
		r.calls.Gate.Pause(true)
	case status.WantRun:
		r.calls.Gate.Pause(false)
		r.calls.Gate.Nudge()
	case status.WantStop:
		if slices.Contains(t.earlier, t.heard) {
			return
		}
		r.stopAsked()
	default:
		return
	}
	r.mu.Lock()
	r.heard = c.At
	r.mu.Unlock()
	r.opts.Log.Info("asked by the operator", "want", c.Want, "by", c.By)
}
