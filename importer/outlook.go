package importer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// An outlook is a source whose entries know what the plan asks about their
// neighbours: whether a directory has entries, and whether another entry's key
// collides with theirs. Collisions are found by one pass over the source before
// anything is sent, in bounded memory: keys are sorted on disk, encrypted.
type outlook struct {
	source Source
	ahead  bool // directories are planned by what is in them
	found  clashes
	close  func() error
}

// clashes calls f for every entry that cannot have its key, ascending by ordinal;
// one entry may come more than once.
type clashes func(f func(ordinal uint64, c clash) error) error

// clash is why an entry cannot have its key: the entry at this place has it, or
// one that excludes it.
type clash struct {
	kind  clashKind
	page  uint64
	index int
}

type clashKind byte

const (
	clashNone  clashKind = iota
	clashSame            // the other has the same key
	clashBelow           // the other's key lies below this one
	clashAbove           // the other's key is a folder on the way to this one
)

// cause names no path: it stands in the journal. The place is that of a line of
// objects.list.
func (c clash) cause() string {
	other := fmt.Sprintf("the entry of record %d on page %d", c.index, c.page)
	switch c.kind {
	case clashSame:
		return "the rules give it the key of " + other
	case clashBelow:
		return "this target keeps keys as folders: " + other + " lies below this object"
	}
	return "this target keeps keys as folders: " + other + " is an object on the way to this key"
}

// newOutlook passes over the source if the planner's keys may collide.
func newOutlook(ctx context.Context, source Source, p *planner, o Options) (*outlook, error) {
	l := &outlook{source: source, ahead: p.directories == PolicyEmpty, close: func() error { return nil }}
	if p.keys.injective() && !p.profile.Folders {
		return l, nil
	}
	spill, closeSpill, err := spillFolder(o)
	if err != nil {
		return nil, err
	}
	s := &survey{planner: p, folders: p.profile.Folders, keys: extsort.New(spill), found: extsort.New(spill)}
	l.close = func() error { return errors.Join(s.found.Close(), closeSpill()) }
	if err := errors.Join(s.gather(ctx, l), s.keys.Close()); err != nil {
		return nil, errors.Join(err, l.close())
	}
	if s.named {
		l.found = s.each
	}
	return l, nil
}

// spillFolder is where keys are sorted: in the state folder, without what a crash
// left there, or in a temporary folder.
func spillFolder(o Options) (extsort.Config, func() error, error) {
	const folder, memory = "spill", 24 << 20
	if o.StateDir != nil {
		left, err := o.StateDir.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return extsort.Config{}, nil, stateError(err)
		}
		for _, file := range left {
			if err := o.StateDir.Remove(folder + "/" + file.Name()); err != nil {
				return extsort.Config{}, nil, stateError(err)
			}
		}
		return extsort.Config{FS: o.StateDir, Dir: folder, Memory: memory}, func() error { return nil }, nil
	}
	temp, err := os.MkdirTemp("", "sledge-")
	if err != nil {
		return extsort.Config{}, nil, err
	}
	disk, err := vfs.OS(temp)
	if err != nil {
		return extsort.Config{}, nil, errors.Join(err, os.RemoveAll(temp))
	}
	return extsort.Config{FS: disk, Dir: folder, Memory: memory}, func() error { return errors.Join(vfs.Close(disk), os.RemoveAll(temp)) }, nil
}

// Entries is the source's, with what was found.
func (l *outlook) Entries(ctx context.Context, f func(Entry) error) error {
	if l.found == nil && !l.ahead {
		return l.source.Entries(ctx, f)
	}
	next, stop, failed := l.pull()
	defer stop()
	at, c, more := next()
	ordinal := uint64(0)
	var held *Entry
	err := l.source.Entries(ctx, func(e Entry) error {
		for more && at < ordinal {
			at, c, more = next()
		}
		if more && at == ordinal {
			e.clash = c
		}
		ordinal++
		if *failed != nil {
			return *failed
		}
		last := held
		held = &e
		if last == nil {
			return nil
		}
		return f(last.before(e))
	})
	if err == nil && held != nil {
		err = f(*held)
	}
	return err
}

// before is an entry that knows its successor: what is in a directory follows it.
func (e *Entry) before(next Entry) Entry {
	if e.Record != nil && next.Record != nil && e.Record.Kind == manifest.KindDir {
		e.filled = strings.HasPrefix(next.Record.OrderKey(), e.Record.OrderKey())
	}
	return *e
}

// pull turns the clashes around, so that they are walked beside the source.
func (l *outlook) pull() (next func() (uint64, clash, bool), stop func(), failed *error) {
	failed = new(error)
	next, stop = iter.Pull2(func(yield func(uint64, clash) bool) {
		if l.found == nil {
			return
		}
		err := l.found(func(ordinal uint64, c clash) error {
			if !yield(ordinal, c) {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			*failed = err
		}
	})
	return next, stop, failed
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// survey finds clashes.
type survey struct {
	planner *planner
	folders bool
	keys    *extsort.Sorter // key → place
	found   *extsort.Sorter // ordinal → clash
	named   bool            // something was found
	above   []*placed       // keys in front of the current one that it begins with
	last    *placed
}

// placed is a key and whose it is.
type placed struct {
	key     []byte
	ordinal uint64
	page    uint64
	index   int
	same    bool // a clash by the same key is named
	below   bool // one by a key below is named
}

// gather finds all clashes. Where the mapping keeps the manifest's order, keys
// come sorted already.
func (s *survey) gather(ctx context.Context, l *outlook) error {
	take := func(key []byte, p placed) error { return s.keys.Add(key, p.encode()) }
	if s.planner.keys.injective() {
		take = func(key []byte, p placed) error { return s.next(key, p) }
	}
	ordinal := uint64(0)
	all := outlook{source: l.source, ahead: l.ahead}
	err := all.Entries(ctx, func(e Entry) error {
		p := placed{ordinal: ordinal}
		ordinal++
		if e.Record == nil || len(e.Raw) == 0 {
			return ctx.Err()
		}
		if _, out := s.planner.leaves(e); out {
			return ctx.Err()
		}
		key, _ := s.planner.keys.key(e.Record.OrderKey())
		p.page, p.index = e.Raw[0].Page, e.Raw[0].Index
		return errors.Join(take([]byte(key), p), ctx.Err())
	})
	if err != nil {
		return err
	}
	return s.keys.Each(func(key, value []byte) error { return s.next(key, decodePlaced(value)) })
}

func (p placed) encode() []byte {
	b := binary.AppendUvarint(nil, p.ordinal)
	b = binary.AppendUvarint(b, p.page)
	return binary.AppendUvarint(b, uint64(p.index))
}

func decodePlaced(b []byte) (p placed) {
	n := 0
	p.ordinal, n = binary.Uvarint(b)
	b = b[n:]
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
		if err := s.name(*s.last, clashSame, p); err != nil {
			return err
		}
	}
	return s.name(p, clashSame, *s.last)
}

// nested names both where one key is a folder on the way to the other. A
// directory's own key ends in the slash, and is no object in the way.
func (s *survey) nested(over, p *placed) error {
	if len(p.key) <= len(over.key) || over.key[len(over.key)-1] == '/' || p.key[len(over.key)] != '/' {
		return nil
	}
	if !over.below {
		over.below = true
		if err := s.name(*over, clashBelow, *p); err != nil {
			return err
		}
	}
	return s.name(*p, clashAbove, *over)
}

func (s *survey) name(p placed, kind clashKind, other placed) error {
	s.named = true
	return s.found.Add(binary.BigEndian.AppendUint64(nil, p.ordinal), append([]byte{byte(kind)}, other.encode()...))
}

// each gives what was found, by ordinal.
func (s *survey) each(f func(ordinal uint64, c clash) error) error {
	return s.found.Each(func(key, value []byte) error {
		other := decodePlaced(value[1:])
		return f(binary.BigEndian.Uint64(key), clash{clashKind(value[0]), other.page, other.index})
	})
}
