package scan

import (
	"os/user"
	"strconv"
	"sync"

	"github.com/sledge-io/sledge/appliance/words"
)

// owners remembers the names of users and groups.
type owners struct {
	mu     sync.Mutex
	users  map[uint32]string
	groups map[uint32]string
}

const maxNames = 10000

func (c *owners) user(id uint32) string {
	return c.lookup(&c.users, id, func(s string) string {
		if u, err := user.LookupId(s); err == nil {
			return u.Username
		}
		return ""
	})
}

func (c *owners) group(id uint32) string {
	return c.lookup(&c.groups, id, func(s string) string {
		if g, err := user.LookupGroupId(s); err == nil {
			return g.Name
		}
		return ""
	})
}

func (c *owners) lookup(m *map[uint32]string, id uint32, find func(string) string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name, ok := (*m)[id]; ok {
		return name
	}
	if *m == nil || len(*m) >= maxNames {
		*m = map[uint32]string{}
	}
	name := words.UTF8(find(strconv.FormatUint(uint64(id), 10)))
	(*m)[id] = name
	return name
}
