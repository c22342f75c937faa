package importer

// curtain is a reader before the store of a run that publishes all or nothing. It fails the
// test where something of the run shows before all of it can be shown, and where an object
// is written twice.
type curtain struct {
	f      *fakeTarget
	want   map[string][]byte // what the run will publish, by key
	raised bool              // the first object shows
	gone   bool              // an upload has vanished under way: nothing is known of it before it is published
	stored map[string]int
}

// behindCurtain lets the store watch a run that imports a source.
func behindCurtain(f *fakeTarget, s *fakeSource) *curtain {
	c := &curtain{f: f, want: s.objects("in/"), stored: map[string]int{}}
	f.curtain = c
	return c
}

// shows is called before an object is visible; f.mu is held.
func (c *curtain) shows(key string) {
	if _, ours := c.want[key]; !ours {
		return
	}
	if c.stored[key]++; c.stored[key] > 1 {
		c.f.t.Errorf("%q is published %d times", key, c.stored[key])
	}
	if c.raised {
		return
	}
	if c.raised = true; c.gone {
		return
	}
	for other, data := range c.want {
		if _, there := c.f.objects[other]; len(data) > 0 && !there && !c.uploaded(other, len(data)) {
			c.f.t.Errorf("%q is published, and %q is not uploaded", key, other)
		}
	}
}

// uploaded reports whether an upload of a key has all its bytes.
func (c *curtain) uploaded(key string, size int) bool {
	for _, u := range c.f.uploads {
		sum := 0
		for _, p := range u.parts {
			sum += len(p.data)
		}
		if u.key == key && sum == size {
			return true
		}
	}
	return false
}
