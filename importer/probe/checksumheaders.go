package probe

import (
	"strings"

	"github.com/sledge-io/sledge/importer/target"
)

// ofChecksumHeaders gives a refusal that speaks of checksum headers the remedy that
// helps: many stores have no code of their own for a header that they do not take.
func ofChecksumHeaders(err error) error {
	if !target.HasCode(err, target.CodeRefused) || !strings.Contains(strings.ToLower(target.AsError(err).Cause), "checksum") {
		return err
	}
	e := *target.AsError(err)
	e.Class = target.Fixable
	e.Remedy = `give the target's profile "no_checksum_headers": true (--profiles FILE), so that objects are proven by reading them back; then run the same command again`
	return &e
}
