package pack

import (
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
)

// Cache keeps decoded bytes (decrypted segments, decoded stripes) within a
// budget: neighbours share them, and readers ask for less than one at a time.
type Cache struct {
	budget int64 // bytes; what is held may come to twice as many

	mu   sync.Mutex
	free sync.Cond // something is let go of
	list []*Cached // least recently used first
	size int64     // of list
}

func NewCache(budget int64) *Cache {
	c := &Cache{budget: budget}
	c.free.L = &c.mu
	return c
}

// Key names what is cached: a segment, or columns of a stripe.
type Key struct {
	set    *disk.Set
	index  bool // of an index pack
	pack   uint64
	n      int64 // segment or stripe
	column int64
	proven bool
}

// SegmentKey names a decrypted segment of a pack with content.
func SegmentKey(set *disk.Set, pack, segment uint64) Key {
	return Key{set: set, pack: pack, n: int64(segment)}
}

// Cached is one buffer. Who gets it first fills it, inside once.
type Cached struct {
	key  Key
	once sync.Once
	buf  []byte
	data []byte // what was made in buf
	err  error
	refs int // guarded by the cache
}

// Make returns what was made in the place's buffer; the first to ask makes it by f.
func (s *Cached) Make(f func(buf []byte) ([]byte, error)) ([]byte, error) {
	s.once.Do(func() { s.data, s.err = f(s.buf) })
	return s.data, s.err
}

// Get finds or makes the place of a key with a buffer of size bytes, and holds it.
// It waits while too much is held by others: nobody may hold a place of this cache
// and ask for a second one.
func (c *Cache) Get(key Key, size int) *Cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	var buf []byte
	for {
		if s := c.find(key); s != nil {
			return s
		}
		buf = c.evict(size)
		if len(c.list) == 0 || c.size+int64(size) <= 2*c.budget {
			break
		}
		c.free.Wait()
	}
	if buf == nil {
		buf = make([]byte, size)
	}
	s := &Cached{key: key, refs: 1, buf: buf}
	c.list = append(c.list, s)
	c.size += int64(size)
	return s
}

// Peek holds what is there already, or returns nil.
func (c *Cache) Peek(key Key) *Cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(key)
}

func (c *Cache) find(key Key) *Cached {
	for i := len(c.list) - 1; i >= 0; i-- {
		if s := c.list[i]; s.key == key {
			c.list = append(append(c.list[:i], c.list[i+1:]...), s)
			s.refs++
			return s
		}
	}
	return nil
}

// evict makes room for size bytes and returns a buffer that fits, if it met one.
func (c *Cache) evict(size int) (fits []byte) {
	for i := 0; c.size+int64(size) > c.budget && i < len(c.list); {
		if c.list[i].refs > 0 {
			i++
			continue
		}
		if len(c.list[i].buf) == size {
			fits = c.list[i].buf
		}
		c.remove(i)
	}
	return fits
}

func (c *Cache) remove(i int) {
	c.size -= int64(len(c.list[i].buf))
	c.list = append(c.list[:i], c.list[i+1:]...)
}

// Put lets go of a place; one that failed is not kept.
func (c *Cache) Put(s *Cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.refs--
	if s.refs == 0 {
		c.free.Broadcast()
	}
	if s.err == nil {
		return
	}
	for i := range c.list {
		if c.list[i] == s {
			c.remove(i)
			return
		}
	}
}
