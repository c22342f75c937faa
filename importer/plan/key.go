package plan

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/sledge-io/sledge/manifest"
)

// keymap makes keys out of order keys (P16). It is a pure function; that no two
// entries meet in one key is the outlook's to find.
type keymap struct {
	prefix, strip, add string
	nfc                bool
	entries            map[string]string // keys of single entries, by order key
}

// newKeymap makes that of a device.
func newKeymap(prefix string, r Rules, device manifest.ID) keymap {
	return keymap{prefix, r.Keys.Strip, r.Keys.Add, r.Keys.Unicode == UnicodeNFC, r.entryKeys(device.String())}
}

// key is the key of an entry. ok is false for a directory that the strip runs
// through: nothing is left of it to be called.
func (m keymap) key(order string) (key string, ok bool) {
	if own, ok := m.entries[order]; ok {
		return m.prefix + own, true
	}
	if strings.HasSuffix(order, "/") && strings.HasPrefix(m.strip, order) {
		return "", false
	}
	rest := strings.TrimPrefix(order, m.strip)
	if m.nfc {
		rest = norm.NFC.String(rest)
	}
	return m.prefix + m.add + rest, true
}

// injective tells whether different entries get different keys for sure, in the
// order of the manifest.
func (m keymap) injective() bool { return m.strip == "" && !m.nfc && len(m.entries) == 0 }

// reserved tells whether a key lies where the probe and the import's own objects do.
func (m keymap) reserved(key string) bool {
	return strings.HasPrefix(key[len(m.prefix):], manifest.ReservedKeys)
}
