package target

import (
	"github.com/sledge-io/sledge/manifest"
)

// KeyLimits are what manifest.CheckKey holds this target's keys to.
func (p Profile) KeyLimits() manifest.KeyLimits {
	return manifest.KeyLimits{MaxKey: p.MaxKey, MaxSegment: p.MaxSegment, NoSoap: p.NoSoap}
}

// checkKey returns why the target cannot hold a key, or "". The rule is the
// manifest's, so that a scan blocks what is refused here.
func (p Profile) CheckKey(key string) string {
	if problems := manifest.CheckKey(key, p.KeyLimits()); len(problems) > 0 {
		return problems[0].Text
	}
	return ""
}
