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

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
)

// An outlook is a source whose entries know what the plan asks about their
// neighbours: whether a directory has entries, and whether another entry's key
// collides with theirs. Collisions are found by one pass over the source before
// anything is sent, in bounded memory: keys are sorted on disk, encrypted. The
// journal keeps what was found, so that a resume does not look again.
type outlook struct {
	source  entry.Source
	ahead   bool // directories are planned by what is in them
	clashes func(from uint64) (clashes, error)
	close   func() error
}

// clashes gives what was found, in the order of the manifest.
type clashes interface {
	of(at entry.Place) (entry.Clash, error) // places only go up
	close() error
}

// clashing is the journal's word that all clashes are in it.
type clashing struct {
	Named bool `json:"named"`
}

// newOutlook passes over the source if the planner's keys may collide and the
// journal does not know the result. Without a journal it is kept aside.
func newOutlook(ctx context.Context, source entry.Source, p *planner, o Options, j *journal) (*outlook, error) {
	l := &outlook{source: source, ahead: p.directories == entry.PolicyEmpty, close: func() error { return nil }}
	if p.keys.injective() && !p.profile.Folders {
		return l, nil
	}
	var known clashing
	if j != nil {
		if ok, err := j.load(clashesKey, &known); err != nil || ok {
			l.fromJournal(j, known)
			return l, err
		}
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
	for _, path := range s.unmet {
		o.Log.Log(ctx, LevelNotice, fmt.Sprintf("the rules name %q, and nothing of this device becomes an object by that path", path))
	}
	switch {
	case j != nil:
		known.Named = s.named
		err := errors.Join(s.keep(j), l.close())
		if err == nil && !s.lost {
			err = j.store(clashesKey, known, true)
		}
		l.close = func() error { return nil }
		l.fromJournal(j, known)
		return l, err
	case s.named:
		l.clashes = func(uint64) (clashes, error) { return pullClashes(s.each), nil }
	}
	return l, nil
}

// fromJournal reads clashes from there.
func (l *outlook) fromJournal(j *journal, known clashing) {
	if known.Named {
		l.clashes = func(from uint64) (clashes, error) {
			c, err := j.cursor('c', uint64(entry.PlaceOf(from, 0)))
			return keptClashes{c}, err
		}
	}
}

// keptClash is a clash in the journal.
type keptClash struct {
	Kind  entry.ClashKind `json:"k"`
	Page  uint64          `json:"p"`
	Index int             `json:"i"`
}

// keep puts what was found into the journal.
func (s *survey) keep(j *journal) error {
	return s.each(func(at entry.Place, c entry.Clash) error {
		return j.store(journalKey('c', uint64(at)), keptClash{c.Kind, c.Page, c.Index}, false)
	})
}

type keptClashes struct{ rows *cursor }

func (k keptClashes) of(at entry.Place) (entry.Clash, error) {
	var c keptClash
	_, err := k.rows.load(at, &c)
	return entry.Clash{Kind: c.Kind, Page: c.Page, Index: c.Index}, err
}

func (k keptClashes) close() error { return k.rows.close() }

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

func (p *pulled) of(at entry.Place) (entry.Clash, error) {
	for p.more && p.at < at {
		p.at, p.clash, p.more = p.next()
	}
	if p.more && p.at == at {
		return p.clash, nil
	}
	return entry.Clash{}, p.failed
}

func (p *pulled) close() error {
	p.stop()
	return nil
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

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
func (l *outlook) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) (err error) {
	if l.clashes == nil && !l.ahead {
		return l.source.Entries(ctx, from, f)
	}
	var found clashes
	if l.clashes != nil {
		if found, err = l.clashes(from); err != nil {
			return err
		}
		defer func() {
			if closeErr := found.close(); err == nil {
				err = closeErr
			}
		}()
	}
	var held *entry.Entry
	err = l.source.Entries(ctx, from, func(e entry.Entry) (err error) {
		if found != nil && e.Record != nil && len(e.Raw) > 0 {
			if e.Clash, err = found.of(e.Place()); err != nil {
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
	planner *planner
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
func (s *survey) gather(ctx context.Context, l *outlook) error {
	take := func(key []byte, p placed) error { return s.keys.Add(key, p.encode()) }
	if s.planner.keys.injective() {
		take = func(key []byte, p placed) error { return s.next(key, p) }
	}
	met := map[string]bool{}
	all := outlook{source: l.source, ahead: l.ahead}
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
