package ingest

// Content is content on its way into packs.
type Content struct {
	w        *Writer
	forgets  bool // no frame keeps its progress
	ordinal  uint64
	identity [40]byte
	Digest   *Digest
	Off      int64 // of what was taken
	extents  []Extent
	saved    int // extents, parts, units and bytes that earlier frames hold
	parts    int
	units    int
	savedOff int64
}

// Begin begins content. Ordinal and identity are what a journal keeps its progress
// under.
func (w *Writer) Begin(ordinal uint64, identity [40]byte, d *Digest) *Content {
	return &Content{w: w, ordinal: ordinal, identity: identity, Digest: d}
}

// BeginPass begins content of which no frame keeps the progress: after an interruption
// it comes once more from its beginning.
func (w *Writer) BeginPass(d *Digest) *Content { return &Content{w: w, Digest: d, forgets: true} }

// Resume takes up content of which earlier frames hold some.
func (c *Content) Resume(p *Partial) error {
	if err := c.Digest.restore(p); err != nil {
		return err
	}
	c.Off, c.extents = p.To, append([]Extent(nil), p.extents...)
	c.mark()
	return nil
}

func (c *Content) mark() {
	c.saved, c.parts, c.units, c.savedOff = len(c.extents), len(c.Digest.parts), len(c.Digest.units), c.Off
}

// Extents is where the content lies.
func (c *Content) Extents() []Extent { return c.extents }

// Room is where the next content may be put, in a pack that may take it.
func (c *Content) Room() ([]byte, error) {
	w := c.w
	if w.pack != nil && w.Due() {
		if err := c.RollOver(); err != nil {
			return nil, err
		}
	}
	return w.Room()
}

// Took says that n bytes of content were put into Room.
func (c *Content) Took(n int) {
	e := c.w.Took(n, c.Digest)
	e.offset = c.Off
	c.extend(e)
	c.Off += int64(n)
}

// Write takes content that lies elsewhere.
func (c *Content) Write(b []byte) error {
	for len(b) > 0 {
		room, err := c.Room()
		if err != nil {
			return err
		}
		n := copy(room, b)
		c.Took(n)
		b = b[n:]
	}
	return nil
}

// extend adds an extent or lengthens the last one.
func (c *Content) extend(e Extent) {
	if len(c.extents) > c.saved {
		last := &c.extents[len(c.extents)-1]
		if e.hole && last.hole {
			last.length += e.length
			return
		}
		if !e.hole && !last.hole && last.pack == e.pack && last.packOffset+last.length == e.packOffset {
			last.length += e.length
			return
		}
	}
	c.extents = append(c.extents, e)
}

// Hole adds n zeros, which are not written anywhere.
func (c *Content) Hole(n int64) {
	c.w.Settle()
	c.extend(Extent{offset: c.Off, length: n, hole: true})
	c.Off += n
	c.Digest.zeros(n)
}

// RollOver closes the pack in the middle of the content; the frame keeps how far that
// got, so that who resumes goes on from there.
func (c *Content) RollOver() error {
	if c.Off > c.savedOff && !c.forgets {
		c.w.Settle()
		state, err := c.Digest.state()
		if err != nil {
			return err
		}
		c.w.batch.partial = &Partial{Ordinal: c.ordinal, From: c.savedOff, To: c.Off, Identity: c.identity,
			extents: append([]Extent(nil), c.extents[c.saved:]...), parts: c.Digest.parts[c.parts:], units: c.Digest.units[c.units:], digest: state}
		c.mark()
	}
	return c.w.Flush()
}
