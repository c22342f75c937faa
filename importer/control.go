package importer

import (
	"encoding/json"
	"path"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Want is what an operator asks of a run that is at work.
type Want string

// What can be asked.
const (
	WantRun   Want = "run"   // go on, and look at once whether what halted the run is mended
	WantPause Want = "pause" // begin nothing until asked to go on
	WantStop  Want = "stop"  // finish what is under way and end
)

// Control is the file control.json in a run's folder: the last word of an
// operator at another terminal. A word is new if the file is another one than before;
// At does not order words, since it comes from the clocks of different hosts.
type Control struct {
	Want Want      `json:"want"`
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
}

// ControlName is its name.
const ControlName = "control.json"

const maxControl = 4 << 10

// WriteControl asks a run of something; base is its folder in the state folder.
func WriteControl(disk vfs.FS, base string, c Control) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return durable.WriteFile(disk, path.Join(base, ControlName), append(text, '\n'))
}

func readControl(text []byte) (c Control, err error) {
	err = json.Unmarshal(text, &c)
	return c, err
}

// noteEarlier keeps what was asked for before this start. It must be called before
// anybody can know of the start.
func (t *teller) noteEarlier() {
	o := t.run.opts
	if o.StatusEvery <= 0 || o.StateDir == nil {
		return
	}
	for _, base := range []string{"", path.Join(RunsFolder, o.RunID)} {
		if text, err := vfs.ReadFile(o.StateDir, path.Join(base, ControlName), maxControl); err == nil {
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
	text, err := vfs.ReadFile(r.opts.StateDir, path.Join(r.base, ControlName), maxControl)
	if err != nil {
		return // nobody has asked for anything
	}
	c, err := readControl(text)
	if err != nil || string(text) == t.heard {
		return
	}
	t.heard = string(text)
	switch c.Want {
	case WantPause:
		r.calls.Gate.Pause(true)
	case WantRun:
		r.calls.Gate.Pause(false)
		r.calls.Gate.Nudge()
	case WantStop:
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
