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

// Names are visited in runs: keysAtOnce bounds one, for every folder on the way
// down holds one, minStats is what a goroutine is worth.
const (
	keysAtOnce = 128
	minStats   = 16
)

// each calls f for runs of names, in order.
func (c *children) each(f func(keys []string) error) error {
	if c.sorter == nil {
		slices.Sort(c.keys)
		for keys := range slices.Chunk(c.keys, keysAtOnce) {
			if err := f(keys); err != nil {
				return err
			}
		}
		return nil
	}
	var keys []string
	err := c.sorter.Each(func(k, _ []byte) error {
		if keys = append(keys, string(k)); len(keys) < keysAtOnce {
			return nil
		}
		full := keys
		keys = nil
		return f(full)
	})
	if err == nil && len(keys) > 0 {
		err = f(keys)
	}
	return err
}

func (c *children) close() {
	if c.sorter != nil {
		c.sorter.Close()
	}
}
