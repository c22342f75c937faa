package importer

import (
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// askedGrace is the same for a stop from another terminal, whose asker waits five minutes: it
// may be far from here, and is no reason to break what soon ends by itself.
const askedGrace = 30 * time.Second

// graceOfAsked is what a stop from another terminal leaves at this moment.
func (r *run) graceOfAsked() time.Duration {
	if r.hasty.Load() {
		return request.StopGrace
	}
	return askedGrace
}
