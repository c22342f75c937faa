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

// model is a source and everything that was ever in it: what a manifest, a target or
// a report is held against. Contents are "dir", "link TARGET" or "file BYTES".
type model struct {
	tree  *vfs.MemTree
	clock *Clock // of its file system
	root  string // where it is mounted
	as    string // the prefix that it is loaded under
	moved bool   // its medium has no identity, or took the place of another: loads say --replace

	mu     sync.Mutex
	now    map[string]string
	ever   map[string]map[string]bool // every content a path has had
	linked map[string]int             // names of files that have several, by file: its content and attributes are those of all
	inodes int                        // files that had several names
	attrs  map[string]string          // extended attributes, as text

	watched  map[string]map[string]bool // contents since watch; "" is none
	refused  map[string][]vfs.OpKind    // calls that failed since watch
	refusals []Trouble                  // what they were
	begun    bool                       // the scan is over
	fails    func(path string) bool     // paths whose calls go on failing, so that they may be missing in the end
}

// emptySource makes a source without entries.
func emptySource(clock *Clock) *model {
	return &model{tree: vfs.NewMemTree(clock.Now), clock: clock, root: "/site", now: map[string]string{}, ever: map[string]map[string]bool{},
		linked: map[string]int{}, attrs: map[string]string{}}
}

// newModel makes a source.
func newModel(rng *rand.Rand, clock *Clock) *model {
	m := emptySource(clock)
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
		if m.now[dir] != "dir" {
			m.put(dir, "dir")
		}
	}
	m.put(path, content)
}

// put is note of one path. The caller holds the lock.
func (m *model) put(path, content string) {
	m.seen(path, content)
	m.now[path] = content
	m.keep(path, content)
}

// seen keeps what a path has become since watch. The caller holds the lock.
func (m *model) seen(path, content string) {
	if m.watched == nil {
		return
	}
	if m.watched[path] == nil {
		m.watched[path] = map[string]bool{"": true}
	}
	m.watched[path][content] = true
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

// A change while a load is on gets a time of its own, however coarse the clock is.
const pause = 2*time.Second + 7

func (m *model) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watched != nil {
		m.clock.Jump(pause)
	}
}

func (m *model) write(path string, data []byte) {
	if m.now[path] == "dir" { // and what is below it
		m.remove(path)
	}
	m.tick()
	for _, name := range m.names(path) {
		m.note(name, "file "+string(data))
	}
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
	if m.tree.Link(path, further) != nil {
		return
	}
	m.note(further, m.now[path])
	if m.linked[path] == 0 {
		m.inodes++
		m.linked[path] = m.inodes
	}
	m.linked[further] = m.linked[path]
	if attrs, some := m.attrs[path]; some {
		m.attrs[further] = attrs
	}
}

// names are all names of a file that has, or had, several; else none.
func (m *model) names(path string) (names []string) {
	for name, inode := range m.linked {
		if inode == m.linked[path] {
			names = append(names, name)
		}
	}
	return names
}

// remove removes a path with all that is below it.
func (m *model) remove(path string) {
	m.tick()
	m.mu.Lock()
	for p := range m.now {
		if within(path, p) {
			m.forget(p)
		}
	}
	m.mu.Unlock()
	m.tree.Remove(path)
}

// forget takes one path away. The caller holds the lock.
func (m *model) forget(path string) {
	m.seen(path, "")
	delete(m.now, path)
	delete(m.linked, path)
	delete(m.attrs, path)
}

// within tells whether a path is another one or below it.
func within(above, path string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '/')
}

// watch begins a session: what paths become from now on is kept.
func (m *model) watch() {
	m.clock.Jump(pause)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watched, m.refused, m.refusals, m.begun = map[string]map[string]bool{}, nil, nil, false
	for path, content := range m.now {
		m.watched[path] = map[string]bool{content: true}
	}
}

// unwatch ends it, and gives what paths have been.
func (m *model) unwatch() map[string]map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	were := m.watched
	m.watched = nil
	m.clock.Jump(pause)
	return were
}

// at is the path under which the device has one of the source.
func (m *model) at(path string) string {
	if m.as == "" {
		return path
	}
	return m.as + "/" + path
}

// name tells sources apart as the device has to.
func (m *model) name() string { return m.root + "\x00" + m.as }

// files lists the paths of files with one name, sorted.
func (m *model) files() (files []string) {
	for _, path := range m.paths() {
		if isFile(m.now[path]) && m.linked[path] == 0 {
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

// check compares what a device holds, by its paths, with the source as it is now.
func (m *model) check(got map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var bad []string
	for path, want := range m.now {
		have, ok := got[m.at(path)]
		switch {
		case m.fails != nil && m.failsAt(path):
		case !ok:
			bad = append(bad, fmt.Sprintf("%q is missing", path))
		case have != want && m.ever[path][have]:
			bad = append(bad, fmt.Sprintf("%q is held as it was earlier", path))
		case have != want:
			bad = append(bad, fmt.Sprintf("%q differs: %.30q, want %.30q", path, have, want))
		}
	}
	return wrong(bad)
}

// failsAt tells whether a path, or a folder above it, fails.
func (m *model) failsAt(path string) bool {
	for ; path != ""; path = parentOf(path) {
		if m.fails(path) {
			return true
		}
	}
	return false
}

func wrong(bad []string) error {
	if err := list(bad); err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	return nil
}

func isFile(content string) bool { return strings.HasPrefix(content, "file ") }

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
