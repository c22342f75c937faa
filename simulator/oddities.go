package simulator

import (
	"context"
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
	for _, path := range m.paths() { // also folders, and links, which have their own
		if !isFile(m.now[path]) && rng.IntN(4) == 0 {
			m.setAttrs(path, map[string]string{"user.kind": kindOf(m.now[path])})
		}
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
	for _, name := range sortedKeys(attrs) {
		m.tree.SetXattr(path, name, []byte(attrs[name]))
	}
	text := attrsOf(attrs)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attrs[path] = text
	for _, name := range m.names(path) {
		m.attrs[name] = text
	}
}

// attrsOf writes attributes as text.
func attrsOf(attrs map[string]string) (text string) {
	for _, name := range sortedKeys(attrs) {
		text += fmt.Sprintf("%s=%q;", name, attrs[name])
	}
	return text
}

// heavy gives a source files without bytes whose records are large.
func (m *model) heavy(rng *rand.Rand) {
	for n := range 250 + rng.IntN(100) {
		path := fmt.Sprintf("heavy/%03d", n)
		m.write(path, nil)
		m.setAttrs(path, map[string]string{"user.large": string(randomBytes(rng, 50000))})
	}
}

// lyingHoles loads from a file system that tells data which is new as a hole, and is
// known for it: the files are read.
func (l *life) lyingHoles(ctx context.Context, dice *rand.Rand) error {
	volume := l.model.tree.Volume()
	volume.TrustHoles = false
	l.model.tree.SetVolume(volume)
	for range 1 + dice.IntN(4) {
		path, size := fmt.Sprintf("fresh-%04d", dice.IntN(10000)), 5000+dice.IntN(300000)
		l.model.write(path, randomBytes(dice, size))
		off := dice.Int64N(int64(size))
		l.model.tree.Hide(path, off, 1+dice.Int64N(int64(size)-off))
	}
	l.met[LyingHoles]++
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}
