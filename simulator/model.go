package simulator

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// model is a site's folder and everything that was ever in it: what a manifest,
// a target or a report is held against. Contents are "dir", "link TARGET" or
// "file BYTES".
type model struct {
	tree *vfs.MemTree

	mu      sync.Mutex
	now     map[string]string
	ever    map[string]map[string]bool // every content a path has had
	linked  map[string]bool            // hard links, whose content changes under other names, too
	changed bool                       // since settle was called
}

// newModel makes a source. Its clock goes on by itself and is nobody's to change.
func newModel(rng *rand.Rand, start time.Time) *model {
	clock := NewClock(start, time.Millisecond)
	m := &model{tree: vfs.NewMemTree(clock.Now), now: map[string]string{}, ever: map[string]map[string]bool{}, linked: map[string]bool{}}
	names := newNames(rng)
	for range 10 + rng.IntN(40) {
		m.write(names.next(), randomBytes(rng, sizes(rng)))
	}
	if rng.IntN(5) == 0 {
		m.write("large", randomBytes(rng, 16<<20+1+rng.IntN(3<<20)))
	}
	for range rng.IntN(3) {
		m.mkdir(names.next() + " empty")
	}
	for range rng.IntN(4) {
		m.symlink([]string{"nowhere", "../outside", "/etc/passwd", "\x1b[31mred"}[rng.IntN(4)], names.next()+" link")
	}
	files := m.files()
	for range rng.IntN(3) {
		m.link(files[rng.IntN(len(files))], names.next()+" hard")
	}
	return m
}

// sizes are those of files: mostly small, sometimes none, sometimes many blocks.
func sizes(rng *rand.Rand) int {
	switch rng.IntN(8) {
	case 0:
		return 0
	case 1:
		return 100000 + rng.IntN(800000)
	}
	return 1 + rng.IntN(40000)
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		v := rng.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	for i := n &^ 7; i < n; i++ {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// names makes names as people and their programs give them, none twice.
type names struct {
	rng *rand.Rand
	n   int
}

func newNames(rng *rand.Rand) *names { return &names{rng: rng} }

var strange = []string{"a\nb", "\x1b[2Jcleared", "\u202egnp.exe", "ü", "u\u0308", "Readme", "README", " leading", "trailing ", "per%20cent", "plus+plus", "q?x=1&y", "#hash", "quote\"'", "日本語", "dot.", "-rf", "emoji 🎉", "tab\there", "back\\slash", "null", "con"}

func (n *names) next() string {
	n.n++
	folder := strings.Repeat(fmt.Sprintf("folder-%d/", n.rng.IntN(4)), n.rng.IntN(3))
	if n.rng.IntN(3) == 0 {
		return folder + strange[n.rng.IntN(len(strange))] + fmt.Sprintf(" %d", n.n)
	}
	return folder + fmt.Sprintf("file-%04d", n.n)
}

func (m *model) note(path, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir := parentOf(path); dir != ""; dir = parentOf(dir) {
		m.now[dir] = "dir"
		m.keep(dir, "dir")
	}
	m.now[path] = content
	m.keep(path, content)
	m.changed = true
}

func (m *model) keep(path, content string) {
	if m.ever[path] == nil {
		m.ever[path] = map[string]bool{}
	}
	m.ever[path][content] = true
}

func parentOf(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

func (m *model) write(path string, data []byte) {
	m.note(path, "file "+string(data))
	m.tree.WriteFile(path, data)
}

func (m *model) mkdir(path string) {
	m.note(path, "dir")
	m.tree.Make(path, 0o040755)
}

func (m *model) symlink(target, path string) {
	m.note(path, "link "+target)
	m.tree.Symlink(target, path)
}

func (m *model) link(path, further string) {
	if m.tree.Link(path, further) == nil {
		m.note(further, m.now[path])
		m.linked[path], m.linked[further] = true, true
	}
}

func (m *model) remove(path string) {
	m.mu.Lock()
	delete(m.now, path)
	m.changed = true
	m.mu.Unlock()
	m.tree.Remove(path)
}

// gone is said of a path that the loader has left out.
func (m *model) gone(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(path, "skipped vanished")
}

// files lists the paths of files with one name, sorted.
func (m *model) files() (files []string) {
	for _, path := range m.paths() {
		if strings.HasPrefix(m.now[path], "file ") && !m.linked[path] {
			files = append(files, path)
		}
	}
	return files
}

func (m *model) paths() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.now))
}

// settle tells whether nothing has changed since it was last called.
func (m *model) settle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.changed
	m.changed = false
	return !was
}

// check compares what a device holds, by path, with the source: what is there now
// must be held as it is now, and what was there before as it was at some moment.
// "skipped …" says that the loader left a path out and said so.
func (m *model) check(got map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var bad []string
	for path, want := range m.now {
		have, ok := got[path]
		switch {
		case !ok:
			bad = append(bad, fmt.Sprintf("%q is missing", path))
		case have != want && m.ever[path][have]:
			bad = append(bad, fmt.Sprintf("%q is held as it was earlier", path))
		case have != want:
			bad = append(bad, fmt.Sprintf("%q differs: %.30q, want %.30q", path, have, want))
		}
	}
	for path, have := range got {
		if _, ok := m.now[path]; !ok && !m.ever[path][have] && !(strings.HasPrefix(have, "skipped ") && m.ever[path] != nil) {
			bad = append(bad, fmt.Sprintf("%q was never in the source: %.30q", path, have))
		}
	}
	if err := list(bad); err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	return nil
}

// errWrong is a finding: what a device gives is not what the source held.
var errWrong = errors.New("not what was in the source")

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// list makes an error of what is wrong.
func list(bad []string) error {
	if len(bad) == 0 {
		return nil
	}
	slices.Sort(bad)
	text := strings.Join(bad[:min(len(bad), 5)], "; ")
	if len(bad) > 5 {
		text += fmt.Sprintf("; and %d more", len(bad)-5)
	}
	return fmt.Errorf("%s", text)
}
