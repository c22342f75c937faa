package scan

import (
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// folder is one whose names are listed and whose entries are looked at ahead of the
// walk. ahead's lock guards it; names belongs to who lists until listed is set.
type folder struct {
	rel    string // with a slash behind, or empty
	key    string // its place in the queue: of what is to be done next
	queued bool
	claims int // goroutines that use it

	listing, listed bool
	names           *children
	counted         int // names that ahead counts
	err             error

	dir   vfs.Dir // kept open for the looks; nil: opened for each claim
	links bool    // inode numbers are believed

	shut    string // the rule that leaves its content out
	empty   bool   // it has no entry
	runs    []*run // that were begun, in order, and not visited
	begun   bool   // the walk is in it, or waits for it
	ended   bool   // all its runs were begun, or it cannot be listed
	dropped bool   // the walk needs it no more
}

// run is a run of a folder's names.
type run struct {
	of      *folder
	keys    []string
	items   []*Item
	below   []*folder      // of the names that are folders
	way     map[int]string // of the names that are folders which are only looked into: the rule
	claimed int
	looked  int
}

// open returns the run that has names nobody has claimed, or nil.
func (d *folder) open() *run {
	if n := len(d.runs); n > 0 && d.runs[n-1].claimed < len(d.runs[n-1].keys) {
		return d.runs[n-1]
	}
	return nil
}

// plan begins the folder's next run, or returns nil at its end.
func (d *folder) plan(prefix string) (*run, error) {
	keys, more, err := d.names.next()
	d.ended = !more
	if err != nil || len(keys) == 0 {
		d.ended = true
		return nil, err
	}
	r := &run{of: d, keys: keys, items: make([]*Item, len(keys)), below: make([]*folder, len(keys))}
	for i, key := range keys {
		if strings.HasSuffix(key, "/") && len(prefix)+len(d.rel)+len(key) <= manifest.MaxPath {
			r.below[i] = &folder{rel: d.rel + key}
		}
	}
	d.runs = append(d.runs, r)
	return r, nil
}

// queue holds folders in the walk's order of what is to be done next.
type queue []*folder

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].key < q[j].key }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(v any) {
	if d, ok := v.(*folder); ok {
		*q = append(*q, d)
	}
}
func (q *queue) Pop() any {
	n := len(*q) - 1
	d := (*q)[n]
	(*q)[n] = nil
	*q = (*q)[:n]
	return d
}
