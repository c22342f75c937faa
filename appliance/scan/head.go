package scan

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sledge-io/sledge/appliance/filter"
	"github.com/sledge-io/sledge/manifest"
)

// Head says of which source a scan list was made. A source is a folder of one
// file system and the prefix that it is loaded under. A path alone is none: two
// memory cards come to the same one.
type Head struct {
	Root    string `json:"root"`
	As      string `json:"as"`                   // with a slash at its end, or empty
	RawRoot []byte `json:"root_bytes,omitempty"` // where the text above is not UTF-8
	RawAs   []byte `json:"as_bytes,omitempty"`

	Volume string `json:"volume,omitempty"` // id of the file system; empty: not known
	Folder string `json:"folder,omitempty"` // the root's place in it

	Filters *Filters `json:"filters,omitempty"` // nil: all of it is taken

	// The lists of the same load that earlier calls had begun: it is one load, however often it is continued.
	Continues []manifest.ID `json:"continues,omitempty"`
}

// Filters are what a list's scan left out.
type Filters struct {
	Digest string    `json:"digest"`
	Rules  [][]byte  `json:"rules"`
	Now    time.Time `json:"now"` // what ages count from
}

// NewFilters describes a filter; nil is nil.
func NewFilters(f *filter.Set) *Filters {
	if f == nil {
		return nil
	}
	out := &Filters{Digest: f.Digest(), Now: f.Now()}
	for _, rule := range f.Rules() {
		out.Rules = append(out.Rules, []byte(rule))
	}
	return out
}

// MaxContinues bounds how many of them are kept: the last ones.
const MaxContinues = 256

func newHead(root, as, volume, folder string) Head {
	h := Head{Root: root, As: as, Volume: volume, Folder: folder}
	if !utf8.ValidString(root) {
		h.RawRoot = []byte(root)
	}
	if !utf8.ValidString(as) {
		h.RawAs = []byte(as)
	}
	return h
}

// Path is the root's path, byte for byte.
func (h *Head) Path() string {
	if h.RawRoot != nil {
		return string(h.RawRoot)
	}
	return h.Root
}

// Prefix is what stands before every path in the manifest, with a slash at its end, or empty.
func (h *Head) Prefix() string {
	if h.RawAs != nil {
		return string(h.RawAs)
	}
	return h.As
}

// Relation is what a list's source is to the one that is loaded now.
type Relation byte

const (
	RelOther     Relation = iota // another source
	RelSame                      // the same folder of the same file system at the same path
	RelElsewhere                 // the same folder of the same file system, or of a copy of it, at another path
	RelUnknown                   // the same path, and no file system that could be told from another
	RelMedium                    // the same path, and another file system
)

// Sure reports whether what a source has may take the place of what the other one
// had: it is the same for certain.
func (r Relation) Sure() bool { return r == RelSame }

// RelationTo compares an earlier list's source with that of now. moved are the paths
// that the operator says the source was loaded from.
func (h *Head) RelationTo(now *Head, moved ...string) Relation {
	if h.Prefix() != now.Prefix() {
		return RelOther
	}
	known := h.Volume != "" && now.Volume != ""
	path := h.Path() == now.Path() || slices.Contains(moved, h.Path())
	switch {
	case known && h.Volume == now.Volume && h.Folder == now.Folder && path:
		return RelSame
	case known && h.Volume == now.Volume && h.Folder == now.Folder:
		return RelElsewhere
	case !path:
		return RelOther
	case known:
		return RelMedium
	}
	return RelUnknown
}
