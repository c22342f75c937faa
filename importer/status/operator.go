package status

import (
	"path"
	"slices"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Operator is who steers a run from elsewhere, as the run hears him. The zero value has heard
// nothing. It must not be used by two goroutines at once.
type Operator struct {
	heard   string   // the control file that was heard last
	earlier []string // of before this start: a stop there was not meant for it
}

// Before keeps what was asked for in a folder before this start. It must be called before
// anybody can know of the start.
func (o *Operator) Before(disk vfs.FS, base string) {
	if text, err := vfs.ReadFile(disk, path.Join(base, ControlName), maxControl); err == nil {
		o.earlier = append(o.earlier, string(text))
	}
}

// Hear returns a word that was not heard yet. False is none: a word that cannot be read is none,
// and neither is a stop that was meant for an earlier start.
func (o *Operator) Hear(disk vfs.FS, base string) (c Control, ok bool) {
	text, err := vfs.ReadFile(disk, path.Join(base, ControlName), maxControl)
	if err != nil {
		return c, false // nobody has asked for anything
	}
	c, err = readControl(text)
	if err != nil || string(text) == o.heard {
		return c, false
	}
	o.heard = string(text)
	return c, c.Want != WantStop || !slices.Contains(o.earlier, o.heard)
}
