package journal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Store is an open journal. Its methods may be called at once.
type Store struct {
	disk   vfs.FS
	folder string

	mu      lock
	failed  error       // the first write that failed
	broken  atomic.Bool // there is one
	syncing bool        // a sync of the changes file is under way, without mu
	synced  sync.Cond   // it has ended

	log           vfs.File // the changes file
	number        uint32   // of it
	size, durable uint32   // of all changes, and of those that are durable
	unwritten     []byte   // the end of them that is not in the file yet
	dirty         map[pageKey]*changes

	index    index
	files    map[uint32]*pagesFile
	lastFile uint32
	out      *pagesWriter // nil before the first turn

	frame, body, packed []byte // to be used again
}

// gather is how many bytes of changes are written at once, unless a Sync asks for them before.
const gather = 16 << 10

// lock is held while the disk works, so that it may be for long. In simulated time a goroutine that waits
// for a mutex keeps the clock from going on; one that waits for a channel does not.
type lock chan struct{}

func (l lock) Lock()   { l <- struct{}{} }
func (l lock) Unlock() { <-l }

// A turn comes after so many bytes of changes, or changed pages.
const (
	turnBytes = 4 << 20
	turnPages = 512
)

// Set gives a key a value, in place of the one that it has. It is durable after the next Sync. The
// value must not be changed any more.
func (s *Store) Set(k Key, value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("%v: a value of %d bytes, at most %d may be", k, len(value), MaxValue)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == nil {
		value = []byte{} // nil is what was deleted
	}
	if err := s.change(head{what: whatSet, kind: k.Kind, number: k.Number}, value); err != nil {
		return err
	}
	for s.many() {
		if !s.syncing {
			return s.turn()
		}
		s.synced.Wait()
	}
	return s.failed
}

// Delete takes a key's value away. Durable as Set.
func (s *Store) Delete(k Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(head{what: whatDelete, kind: k.Kind, number: k.Number}, nil)
}

// ClearPage takes away the values of the page that a key is in, also where it is damaged. Durable
// as Set.
func (s *Store) ClearPage(k Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(head{what: whatClear, kind: k.Kind, number: k.Number}, nil)
}

// Clear takes all values of a kind away. Durable as Set, and not in one step.
func (s *Store) Clear(kind Kind) error {
	for p, ok := s.next(pageKey{kind, 0}); ok; p, ok = s.next(pageKey{kind, p.page + 1}) {
		if err := s.ClearPage(Key{kind, p.first()}); err != nil {
			return err
		}
	}
	return nil
}

// change writes one change. The caller holds mu.
func (s *Store) change(h head, value []byte) error {
	if s.failed != nil {
		return s.failed
	}
	h.durable, h.file, h.at = s.durable, s.number, s.size
	before := len(s.unwritten)
	s.unwritten = appendFrame(s.unwritten, h, value)
	s.size += uint32(len(s.unwritten) - before)
	s.apply(h, value)
	if len(s.unwritten) < gather {
		return nil
	}
	return s.writeOut()
}

// writeOut writes what was gathered. The caller holds mu.
func (s *Store) writeOut() error {
	if len(s.unwritten) == 0 {
		return nil
	}
	if _, err := s.log.WriteAt(s.unwritten, int64(s.size)-int64(len(s.unwritten))); err != nil {
		return s.frozen(err)
	}
	s.unwritten = s.unwritten[:0]
	return nil
}

// many tells that it is time for a turn.
func (s *Store) many() bool { return s.size > turnBytes || len(s.dirty) > turnPages }

// apply brings a change into memory.
func (s *Store) apply(h head, value []byte) {
	k := Key{h.kind, h.number}
	p := k.page()
	c := s.dirty[p]
	if c == nil {
		c = &changes{values: map[uint16][]byte{}}
		s.dirty[p] = c
		s.index.at(p, true).met = true
	}
	switch h.what {
	case whatSet:
		c.values[k.index()] = value
	case whatDelete:
		c.values[k.index()] = nil
	case whatClear:
		c.cleared, c.values = true, map[uint16][]byte{}
	}
}

// frozen keeps the first failure of a write.
func (s *Store) frozen(err error) error {
	if err != nil && s.failed == nil {
		s.failed = err
		s.broken.Store(true)
	}
	return err
}

// Failed is the first write that failed; nil if none has.
func (s *Store) Failed() error {
	if !s.broken.Load() {
		return nil // hundreds ask after each change: none waits for the disk
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Sync makes every change before it durable. Those who call it at once share one sync.
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, size := s.number, s.size
	for s.failed == nil && s.number == number && s.durable < size {
		if s.syncing {
			s.synced.Wait()
			continue
		}
		if err := s.writeOut(); err != nil {
			return err
		}
		f, end := s.log, s.size
		s.syncing = true
		s.mu.Unlock()
		err := f.Sync()
		s.mu.Lock()
		s.syncing = false
		s.synced.Broadcast()
		if s.frozen(err) == nil {
			s.durable = end
		}
	}
	return s.failed
}

// Get gives a key's value, nil if it has none. It must not be changed.
func (s *Store) Get(k Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	p := k.page()
	if c := s.dirty[p]; c != nil {
		if value, changed := c.values[k.index()]; changed || c.cleared {
			return value, nil
		}
	}
	rows, err := s.rows(p)
	for _, r := range rows {
		if r.index == k.index() {
			return r.value, nil
		}
	}
	return nil, err
}

// Close makes every change durable, unless a write has failed, and gives the files back.
func (s *Store) Close() error {
	err := s.Sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != nil {
		err = errors.Join(err, s.out.file.Close())
	}
	return errors.Join(err, s.log.Close())
}
