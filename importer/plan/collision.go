package plan

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/extsort"
)

// An outlook is a source whose entries know what the plan asks about their
// neighbours: whether a directory has entries, and whether another entry's key
// collides with theirs. Collisions are found by one pass over the source before
// anything is sent, in bounded memory: keys are sorted on disk, encrypted. The
// journal keeps what was found, so that a resume does not look again.
type Checked struct {
	source  entry.Source
	ahead   bool // directories are planned by what is in them
	clashes func(from uint64) (Clashes, error)
	close   func() error
	unmet   []string
}

// Unmet are the paths that rules name, and by which nothing of the device becomes an
// object. They are found at the first start alone.
func (l *Checked) Unmet() []string { return l.unmet }

// Close removes what was kept aside.
func (l *Checked) Close() error { return l.close() }

// Aside is a place on a disk of ours where keys are sorted, and what removes it.
type Aside func() (extsort.Config, func() error, error)

// Found keeps what was found, so that a run which goes on does not look again.
type Found interface {
	// Known reports whether all collisions are kept, and whether there are any.
	Known() (all, any bool, err error)
	Keep(at entry.Place, c entry.Clash) error
	All(any bool) error // are kept now
	From(page uint64) (Clashes, error)
}

// Clashes gives what was found, in the order of the manifest.
type Clashes interface {
	Of(at entry.Place) (entry.Clash, error) // places only go up
	Close() error
}

// Check passes over the source if the planner's keys may collide and it is not known
// what was found. Where nothing keeps that, it is kept aside.
func Check(ctx context.Context, source entry.Source, p *Planner, spill Aside, kept Found) (*Checked, error) {
	l := &Checked{source: source, ahead: p.directories == entry.PolicyEmpty, close: func() error { return nil }}
	if p.keys.injective() && !p.profile.Folders {
		return l, nil
	}
	if kept != nil {
		if all, some, err := kept.Known(); err != nil || all {
			l.from(kept, some)
			return l, err
		}
	}
	folder, remove, err := spill()
	if err != nil {
		return nil, err
	}
	s := &survey{planner: p, folders: p.profile.Folders, keys: extsort.New(folder), found: extsort.New(folder)}
	l.close = func() error { return errors.Join(s.found.Close(), remove()) }
	if err := errors.Join(s.gather(ctx, l), s.keys.Close()); err != nil {
		return nil, errors.Join(err, l.close())
	}
	l.unmet = s.unmet
	switch {
	case kept != nil:
		err := errors.Join(s.each(kept.Keep), l.close())
		if err == nil && !s.lost {
			err = kept.All(s.named)
		}
		l.close = func() error { return nil }
		l.from(kept, s.named)
		return l, err
	case s.named:
		l.clashes = func(uint64) (Clashes, error) { return pullClashes(s.each), nil }
	}
	return l, nil
}

// from reads what is kept.
func (l *Checked) from(kept Found, some bool) {
	if some {
		l.clashes = kept.From
	}
}

// pulled walks clashes beside the source.
type pulled struct {
	next   func() (entry.Place, entry.Clash, bool)
	stop   func()
	failed error
	at     entry.Place
	clash  entry.Clash
	more   bool
}

func pullClashes(each func(func(entry.Place, entry.Clash) error) error) *pulled {
	p := &pulled{}
	p.next, p.stop = iter.Pull2(func(yield func(entry.Place, entry.Clash) bool) {
		err := each(func(at entry.Place, c entry.Clash) error {
			if !yield(at, c) {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			p.failed = err
		}
	})
	p.at, p.clash, p.more = p.next()
	return p
}

func (p *pulled) Of(at entry.Place) (entry.Clash, error) {
	for p.more && p.at < at {
		p.at, p.clash, p.more = p.next()
	}
	if p.more && p.at == at {
		return p.clash, nil
	}
	return entry.Clash{}, p.failed
}

func (p *pulled) Close() error {
	p.stop()
	return nil
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// Entries is the source's, with what was found.
func (l *Checked) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) (err error) {
	if l.clashes == nil && !l.ahead {
		return l.source.Entries(ctx, from, f)
	}
	var found Clashes
	if l.clashes != nil {
		if found, err = l.clashes(from); err != nil {
			return err
		}
		defer func() {
			if closeErr := found.Close(); err == nil {
				err = closeErr
			}
		}()
	}
	var held *entry.Entry
	err = l.source.Entries(ctx, from, func(e entry.Entry) (err error) {
		if found != nil && e.Record != nil && len(e.Raw) > 0 {
			if e.Clash, err = found.Of(e.Place()); err != nil {
				return err
			}
		}
		last := held
		held = &e
		if last == nil {
			return nil
		}
		if l.ahead {
			last.Before(e)
		}
		return f(*last)
	})
	if err == nil && held != nil {
		err = f(*held)
	}
	return err
}

// survey finds clashes.
type survey struct {
	planner *Planner
	folders bool
	keys    *extsort.Sorter // key → place
	found   *extsort.Sorter // place → clash
	named   bool            // something was found
	lost    bool            // a page could not be read
	unmet   []string        // paths that rules name, and that become no object here
	above   []*placed       // keys in front of the current one that it begins with
	last    *placed
}

// placed is a key and whose it is.
type placed struct {
	key   []byte
	page  uint64
	index int
	same  bool // a clash by the same key is named
	below bool // one by a key below is named
}

// gather finds all clashes. Where the mapping keeps the manifest's order, keys
// come sorted already.
func (s *survey) gather(ctx context.Context, l *Checked) error {
	take := func(key []byte, p placed) error { return s.keys.Add(key, p.encode()) }
	if s.planner.keys.injective() {
		take = func(key []byte, p placed) error { return s.next(key, p) }
	}
	met := map[string]bool{}
	all := Checked{source: l.source, ahead: l.ahead}
	err := all.Entries(ctx, 0, func(e entry.Entry) error {
		if e.Lost != nil {
			s.lost = true // whoever collides with what it holds is told when it is there
			return ctx.Err()
		}
		if e.Record == nil || len(e.Raw) == 0 {
			return ctx.Err()
		}
		p := placed{page: e.Raw[0].Page, index: e.Raw[0].Index}
		if _, out := s.planner.leaves(e); out {
			return ctx.Err()
		}
		key, _ := s.planner.keys.key(e.Record.OrderKey())
		if _, named := s.planner.keys.entries[e.Record.OrderKey()]; named {
			met[e.Record.OrderKey()] = true
		}
		return errors.Join(take([]byte(key), p), ctx.Err())
	})
	if err != nil {
		return err
	}
	if s.unmet = s.planner.keys.unmet(met); s.lost {
		s.unmet = nil // they may be on a page that could not be read
	}
	return s.keys.Each(func(key, value []byte) error { return s.next(key, decodePlaced(value)) })
}

func (p placed) encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, p.page), uint64(p.index))
}

func decodePlaced(b []byte) (p placed) {
	n := 0
	p.page, n = binary.Uvarint(b)
	index, _ := binary.Uvarint(b[n:])
	p.index = int(index)
	return p
}

// next takes the next key in order.
func (s *survey) next(key []byte, p placed) error {
	p.key = bytes.Clone(key)
	if s.last != nil && bytes.Equal(s.last.key, key) {
		return s.twin(p)
	}
	s.last = &p
	if !s.folders {
		return nil
	}
	// Every key that this one begins with is on the stack: in byte order nothing
	// else comes between a key and those that begin with it.
	for n := len(s.above); n > 0 && !bytes.HasPrefix(key, s.above[n-1].key); n-- {
		s.above = s.above[:n-1]
	}
	for _, over := range s.above {
		if err := s.nested(over, &p); err != nil {
			return err
		}
	}
	s.above = append(s.above, &p)
	return nil
}

// twin names an entry with the key of the one before, and the first of them,
// which has spoken to the keys above already.
func (s *survey) twin(p placed) error {
	if !s.last.same {
		s.last.same = true
		if err := s.name(*s.last, entry.ClashSame, p); err != nil {
			return err
		}
	}
	return s.name(p, entry.ClashSame, *s.last)
}

// nested names both where one key is a folder on the way to the other. A
// directory's own key ends in the slash, and is no object in the way.
func (s *survey) nested(over, p *placed) error {
	if len(p.key) <= len(over.key) || over.key[len(over.key)-1] == '/' || p.key[len(over.key)] != '/' {
		return nil
	}
	if !over.below {
		over.below = true
		if err := s.name(*over, entry.ClashBelow, *p); err != nil {
			return err
		}
	}
	return s.name(*p, entry.ClashAbove, *over)
}

func (s *survey) name(p placed, kind entry.ClashKind, other placed) error {
	s.named = true
	return s.found.Add(binary.BigEndian.AppendUint64(nil, uint64(entry.PlaceOf(p.page, p.index))), append([]byte{byte(kind)}, other.encode()...))
}

// each gives what was found, by place; one entry may come more than once.
func (s *survey) each(f func(at entry.Place, c entry.Clash) error) error {
	return s.found.Each(func(key, value []byte) error {
		other := decodePlaced(value[1:])
		return f(entry.Place(binary.BigEndian.Uint64(key)), entry.Clash{Kind: entry.ClashKind(value[0]), Page: other.page, Index: other.index})
	})
}
