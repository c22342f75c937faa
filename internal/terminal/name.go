package terminal

// Name is a path in JSON: escaped for people, and exact where that differs.
type Name struct {
	Path string `json:"path"`
	Raw  []byte `json:"path_raw,omitempty"`
}

// NameOf makes a path a Name.
func NameOf(path string) Name {
	n := Name{Path: Escape(path)}
	if n.Path != path {
		n.Raw = []byte(path)
	}
	return n
}

// NamesOf makes paths Names; of none it is empty, and not null in JSON.
func NamesOf(paths []string) []Name {
	names := []Name{}
	for _, p := range paths {
		names = append(names, NameOf(p))
	}
	return names
}
