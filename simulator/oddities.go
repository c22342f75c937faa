package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
)

// oddities gives a source what most tests' have not: holes, extended attributes, and
// in one life of six a medium that nothing can tell from another.
func (m *model) oddities(rng *rand.Rand) {
	m.tree.SetVolume(vfs.Volume{FS: "mem", ID: "uuid:one", Root: "ino:1", StableInodes: true, TrustHoles: true})
	if rng.IntN(6) == 0 {
		m.tree.SetVolume(vfs.Volume{FS: "mem"})
		m.moved = true
	}
	for _, path := range m.files() {
		if size := int64(len(m.now[path]) - len("file ")); size > 100 && rng.IntN(6) == 0 {
			off := rng.Int64N(size)
			m.hole(path, off, 1+rng.Int64N(size-off))
		}
		if rng.IntN(6) == 0 {
			m.setAttrs(path, map[string]string{"user.note": fmt.Sprint(rng.Uint64()), "user.empty": ""})
		}
	}
}

// hole makes a hole in a file.
func (m *model) hole(path string, off, n int64) {
	b := []byte(strings.TrimPrefix(m.now[path], "file "))
	clear(b[off : off+n])
	m.note(path, "file "+string(b))
	m.tree.Hole(path, off, n)
}

// setAttrs gives an entry extended attributes; their names are sorted as written.
func (m *model) setAttrs(path string, attrs map[string]string) {
	text := ""
	for _, name := range sortedKeys(attrs) {
		m.tree.SetXattr(path, name, []byte(attrs[name]))
		text += fmt.Sprintf("%s=%q;", name, attrs[name])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attrs[path] = text
}

// heavy gives a source files without bytes whose records are large.
func (m *model) heavy(rng *rand.Rand) {
	for n := range 250 + rng.IntN(100) {
		path := fmt.Sprintf("heavy/%03d", n)
		m.write(path, nil)
		m.setAttrs(path, map[string]string{"user.large": string(randomBytes(rng, 50000))})
	}
}
