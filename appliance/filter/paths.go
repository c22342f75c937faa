package filter

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrListed: a listed path cannot be below a source.
var ErrListed = errors.New("not a path below the source")

// paths are listed paths below a source.
type paths struct {
	all    map[string]bool
	above  map[string]bool // folders that lead to them
	sorted []string
}

func newPaths(list []string) (*paths, error) {
	p := &paths{all: map[string]bool{}, above: map[string]bool{}}
	for _, text := range list {
		path, err := clean(text)
		if err != nil {
			return nil, err
		}
		p.all[path] = true
		for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
			p.above[path[:i]] = true
		}
	}
	p.sorted = slices.Sorted(maps.Keys(p.all))
	return p, nil
}

// clean takes off what does not name anything: ./ at the beginning, slashes twice and at the end.
func clean(text string) (string, error) {
	var names []string
	for name := range strings.SplitSeq(text, "/") {
		switch name {
		case "", ".":
			continue
		case "..":
			return "", fmt.Errorf("%w: %q leads upwards", ErrListed, text)
		}
		names = append(names, name)
	}
	if len(names) == 0 || strings.HasPrefix(text, "/") || strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("%w: %q", ErrListed, text)
	}
	return strings.Join(names, "/"), nil
}

// covers reports whether the path or a folder above it was listed.
func (p *paths) covers(path string, names []string) bool {
	n := 0
	for i, name := range names {
		if n += len(name); i > 0 {
			n++
		}
		if p.all[path[:n]] {
			return true
		}
	}
	return false
}

// leads reports whether something below the folder was listed.
func (p *paths) leads(folder string) bool { return p.above[folder] }

// rule names the list by its content.
func (p *paths) rule() string {
	h := sha256.New()
	for _, path := range p.sorted {
		h.Write([]byte(path + "\x00"))
	}
	return fmt.Sprintf("%s %d paths %x", ruleListed, len(p.sorted), h.Sum(nil)[:8])
}
