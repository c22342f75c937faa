package status

import (
	"encoding/json"
	"path"
	"time"

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
