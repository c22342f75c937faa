package appliance

import (
	"slices"
	"unicode/utf8"

	"github.com/sledge-io/sledge/manifest"
)

// listHead says of which source a scan list was made. A source is a folder of one
// file system and the prefix that it is loaded under. A path alone is none: two
// memory cards come to the same one.
type listHead struct {
	Root    string `json:"root"`
	As      string `json:"as"`                   // with a slash at its end, or empty
	RawRoot []byte `json:"root_bytes,omitempty"` // where the text above is not UTF-8
	RawAs   []byte `json:"as_bytes,omitempty"`

	Volume string `json:"volume,omitempty"` // id of the file system; empty: not known
	Folder string `json:"folder,omitempty"` // the root's place in it

	// The lists of the same load that earlier calls had begun: it is one load, however often it is continued.
	Continues []manifest.ID `json:"continues,omitempty"`
}

// maxContinues bounds how many of them are kept: the last ones.
const maxContinues = 256

func newListHead(root, as, volume, folder string) listHead {
	h := listHead{Root: root, As: as, Volume: volume, Folder: folder}
	if !utf8.ValidString(root) {
		h.RawRoot = []byte(root)
	}
	if !utf8.ValidString(as) {
		h.RawAs = []byte(as)
	}
	return h
}

func (h *listHead) root() string {
	if h.RawRoot != nil {
		return string(h.RawRoot)
	}
	return h.Root
}

func (h *listHead) as() string {
	if h.RawAs != nil {
		return string(h.RawAs)
	}
	return h.As
}

// relation is what a list's source is to the one that is loaded now.
type relation byte

const (
	relOther     relation = iota // another source
	relSame                      // the same folder of the same file system at the same path
	relElsewhere                 // the same folder of the same file system, or of a copy of it, at another path
	relUnknown                   // the same path, and no file system that could be told from another
	relMedium                    // the same path, and another file system
)

// sure reports whether what a source has may take the place of what the other one
// had: it is the same for certain.
func (r relation) sure() bool { return r == relSame }

// relation compares an earlier list's source with that of now. moved are the paths
// that the operator says the source was loaded from.
func (h *listHead) relation(now *listHead, moved ...string) relation {
	if h.as() != now.as() {
		return relOther
	}
	known := h.Volume != "" && now.Volume != ""
	path := h.root() == now.root() || slices.Contains(moved, h.root())
	switch {
	case known && h.Volume == now.Volume && h.Folder == now.Folder && path:
		return relSame
	case known && h.Volume == now.Volume && h.Folder == now.Folder:
		return relElsewhere
	case !path:
		return relOther
	case known:
		return relMedium
	}
	return relUnknown
}
