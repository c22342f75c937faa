package importer

import (
	"github.com/sledge-io/sledge/importer/plan"
)

// conditionalFor reports whether the write that makes an object visible is made on
// condition that its key does not exist. Stores differ by the kind of write: Ceph's
// honours If-None-Match on PUT alone.
func (r *run) conditionalFor(a *plan.Action) bool {
	if a.Kind == plan.ActionMultipart || r.opts.DeferComplete > 0 && a.Size > 0 {
		return r.probe.ConditionalComplete
	}
	return r.probe.ConditionalPut
}
