package importer

import (
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// unfound is what holds of the run's objects at this moment: only a look at them ends it.
func (t *teller) unfound(halt *request.Halt) *request.Halt {
	switch {
	case halt != nil && halt.Code == target.CodeTargetChanged:
		return halt
	case t.after == nil || t.run.found.Load():
		return nil
	}
	return t.after.was.Changed
}
