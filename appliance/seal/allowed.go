package seal

import (
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// allowedEvents tell the log what was let pass.
func allowedEvents(allowed disk.Allowed) (events []manifest.Event) {
	if allowed.Shared {
		events = append(events, manifest.Event{What: "note", Text: "bays share a disk, as was allowed", Bay: -1})
	}
	for _, name := range allowed.Filesystems {
		events = append(events, manifest.Event{What: "note", Text: "disks on the file system " + name + ", as was allowed", Bay: -1})
	}
	return events
}
