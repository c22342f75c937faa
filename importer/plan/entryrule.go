package plan

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sledge-io/sledge/manifest"
)

// EntryRule gives one entry another key. The entry is named by its exact path, in which no
// character means anything but itself; a directory's ends in a slash.
type EntryRule struct {
	Device  string `json:"device,omitempty"` // its id, or the first 8 characters; "": every device
	Path    string `json:"path,omitempty"`
	PathHex string `json:"path_hex,omitempty"` // instead of Path: its bytes, which may be no UTF-8
	Key     string `json:"key"`                // below the target's prefix; strip, add and unicode leave it alone
}

const maxEntryRules = 4096

// exactPath is the path that a rule names by text or by its bytes.
func exactPath(text, inHex string) (string, error) {
	if text != "" && inHex != "" {
		return "", errors.New("path and path_hex: one of them names the entry")
	}
	if inHex == "" {
		return text, nil
	}
	b, err := hex.DecodeString(inHex)
	if err != nil {
		return "", fmt.Errorf("path_hex: %w", err)
	}
	return string(b), nil
}

func (e EntryRule) validate() error {
	path, err := exactPath(e.Path, e.PathHex)
	switch {
	case err != nil:
		return err
	case path == "":
		return errors.New("neither path nor path_hex: which entry is meant?")
	case e.Key == "" || strings.HasPrefix(e.Key, "/") || !utf8.ValidString(e.Key):
		return fmt.Errorf("key %q: must be UTF-8, not empty, and not begin with a slash", e.Key)
	case strings.HasSuffix(e.Key, "/") != strings.HasSuffix(path, "/"):
		return fmt.Errorf("key %q: ends in a slash if the path does, which is then a directory's, and only then", e.Key)
	}
	if e.Device == "" {
		return nil
	}
	if b, err := hex.DecodeString(e.Device); err != nil || len(b) != 4 && len(b) != len(manifest.ID{}) || strings.ToLower(e.Device) != e.Device {
		return fmt.Errorf("device %q: must be the id of a device, or its first 8 characters", e.Device)
	}
	return nil
}

// checkEntries checks each rule, and that none names an entry twice.
func (r Rules) checkEntries(add func(err error, place string, args ...any)) {
	if len(r.Entries) > maxEntryRules {
		add(fmt.Errorf("%d rules, at most %d", len(r.Entries), maxEntryRules), "entries")
		return
	}
	seen := map[[2]string]int{}
	for i, e := range r.Entries {
		err := e.validate()
		if err == nil {
			path, _ := exactPath(e.Path, e.PathHex)
			first, twice := seen[[2]string{e.Device, path}]
			if seen[[2]string{e.Device, path}] = i; twice {
				err = fmt.Errorf("names the entry of entries[%d]", first)
			}
		}
		add(err, "entries[%d]", i)
	}
}

// entryKeys are the keys that the rules give to entries of a device, by order key. A rule of
// this device counts before one of every device.
func (r Rules) entryKeys(device string) map[string]string {
	keys := map[string]string{}
	for _, own := range []bool{false, true} {
		for _, e := range r.Entries {
			if path, err := exactPath(e.Path, e.PathHex); err == nil && (e.Device != "") == own && strings.HasPrefix(device, e.Device) {
				keys[path] = e.Key
			}
		}
	}
	return keys
}

// unmet names the entries of these rules that the device does not have.
func (m keymap) unmet(met map[string]bool) (paths []string) {
	for path := range m.entries {
		if !met[path] {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
