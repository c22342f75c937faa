package appliance

import (
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance/scan"
)

// Place is a source's folder, as a whole path, and the name that it is loaded under.
type Place struct{ Root, As string }

// beside reports whether a list is of a source that is loaded by the same call.
func (o *LoadOptions) beside(h *scan.Head) bool {
	return slices.Contains(o.Beside, Place{h.Path(), strings.TrimSuffix(h.Prefix(), "/")})
}
