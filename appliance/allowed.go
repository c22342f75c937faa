package appliance

import (
	"github.com/sledge-io/sledge/manifest"
)

// allowedEvents tell the log what was let pass.
func (c *Config) allowedEvents() (events []manifest.Event) {
	if c.Allowed.Shared {
		events = append(events, manifest.Event{What: "note", Text: "bays share a disk, as was allowed", Bay: -1})
	}
	for _, name := range c.Allowed.Filesystems {
		events = append(events, manifest.Event{What: "note", Text: "disks on the file system " + name + ", as was allowed", Bay: -1})
	}
	return events
}
