package scan

import (
	"slices"

	"github.com/sledge-io/sledge/internal/extsort"
)

// children are a folder's names, folders with a slash behind.
type children struct {
	keys   []string
	sorter *extsort.Sorter // once there are very many
	spill  func() *extsort.Sorter
	max    int // of keys
	at     int // of keys: the first that next has not given

	pull func() extsort.Pulled // of sorter
	stop func()
	held extsort.Pulled // the next that pull has given
}

// maxKeys is how many names of one folder are kept in memory.
const maxKeys = 50000

func (c *children) add(key string) error {
	if c.sorter != nil {
		return c.sorter.Add([]byte(key), nil)
	}
	c.keys = append(c.keys, key)
	if len(c.keys) < c.max || c.spill == nil {
		return nil
	}
	c.sorter = c.spill()
	for _, k := range c.keys {
		if err := c.sorter.Add([]byte(k), nil); err != nil {
			return err
		}
	}
	c.keys = nil
	return nil
}

// keysAtOnce is how many names are a run: every folder on the way down holds one.
const keysAtOnce = 128

// sort orders the names that are in memory.
func (c *children) sort() { slices.Sort(c.keys) }

// next gives the next run of names, in order, and whether there are more. It may be
// called once all are added and sorted.
func (c *children) next() (keys []string, more bool, err error) {
	if c.sorter == nil {
		keys = c.keys[c.at:min(c.at+keysAtOnce, len(c.keys))]
		c.at += len(keys)
		return keys, c.at < len(c.keys), nil
	}
	if c.pull == nil {
		c.pull, c.stop = extsort.Pull(c.sorter)
		c.held = c.pull()
	}
	for c.held.OK && len(keys) < keysAtOnce {
		keys = append(keys, c.held.Key)
		c.held = c.pull()
	}
	return keys, c.held.OK, c.held.Err
}

func (c *children) close() {
	if c.stop != nil {
		c.stop()
	}
	if c.sorter != nil {
		c.sorter.Close()
	}
}
