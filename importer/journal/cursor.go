package journal

// Cursor reads values of one kind, ascending. It sees a page as it is when the cursor comes to it.
type Cursor struct {
	store *Store
	page  pageKey
	open  bool   // the page was read
	from  uint16 // the first index of it that is wanted
	rows  []row  // of it, those that are left
}

// Cursor reads from a number on.
func (s *Store) Cursor(kind Kind, from uint64) *Cursor {
	k := Key{kind, from}
	return &Cursor{store: s, page: k.page(), from: k.index()}
}

// Next gives the next value and steps behind it; ok is false after the last. The value must not be
// changed.
func (c *Cursor) Next() (number uint64, value []byte, ok bool, err error) {
	for len(c.rows) == 0 {
		p := c.page
		if c.open {
			p.page, c.from = p.page+1, 0
		}
		if p, ok = c.store.next(p); !ok {
			return 0, nil, false, c.store.Failed()
		}
		if p != c.page {
			c.from = 0
		}
		if err := c.read(p); err != nil {
			return 0, nil, false, err
		}
		c.skip(c.from)
	}
	r := c.rows[0]
	c.rows = c.rows[1:]
	return c.page.first() + uint64(r.index), r.value, true, nil
}

// Find gives a number's value and steps behind it; ok is false if it has none. Numbers only go up.
func (c *Cursor) Find(number uint64) (value []byte, ok bool, err error) {
	k := Key{c.page.kind, number}
	if !c.open || c.page != k.page() {
		if err := c.read(k.page()); err != nil {
			return nil, false, err
		}
	}
	c.skip(k.index())
	if len(c.rows) == 0 || c.rows[0].index != k.index() {
		return nil, false, nil
	}
	value, c.rows = c.rows[0].value, c.rows[1:]
	return value, true, nil
}

func (c *Cursor) read(p pageKey) (err error) {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	c.rows, err = s.page(p)
	c.page, c.open = p, true
	return err
}

// skip steps over what is before an index.
func (c *Cursor) skip(index uint16) {
	for len(c.rows) > 0 && c.rows[0].index < index {
		c.rows = c.rows[1:]
	}
}

// next is the first page from one on.
func (s *Store) next(p pageKey) (pageKey, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index.next(p)
}
