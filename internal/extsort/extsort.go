// Package extsort sorts more key–value pairs than fit in memory. Runs are
// spilled to scratch files, encrypted under a key that lives only in this
// process: what a crash leaves behind is noise, and names of files never stand
// on a disk in clear.
//
//	s := extsort.New(extsort.Config{FS: disk, Dir: "sledge/tmp", Memory: 64 << 20})
//	defer s.Close()
//	s.Add(key, value) …
//	err := s.Each(func(key, value []byte) error { … })
//
// Keys are compared as bytes; equal keys come in the order in which they were
// added. A Sorter is used by one goroutine.
package extsort

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Config says where and how much.
type Config struct {
	FS     vfs.FS
	Dir    string // scratch folder; made if absent
	Memory int    // bytes kept before a run is spilled; 0 means 32 MiB
}

const (
	chunkSize = 256 << 10
	arenaSize = 1 << 20
	fanIn     = 16 // neighbouring runs of one level that become one of the next
	pairCost  = 32 // bytes of bookkeeping a pair is counted with
)

// Sorter gathers pairs.
type Sorter struct {
	cfg    Config
	pairs  []pair
	arenas [][]byte // what the pairs point into; used again after a spill
	free   int      // arenas that hold nothing yet are arenas[free:]
	size   int
	runs   []run // in order of addition; levels do not ascend
	aead   cipher.AEAD
	made   bool
}

type run struct {
	name  string
	size  int64
	level int // fanIn^level spills went into it
}

// New returns an empty sorter.
func New(cfg Config) *Sorter {
	if cfg.Memory <= 0 {
		cfg.Memory = 32 << 20
	}
	return &Sorter{cfg: cfg}
}

// Add takes a copy of a pair.
func (s *Sorter) Add(key, value []byte) error {
	need := len(key) + len(value)
	arena, off := s.take(need)
	copy(s.arenas[arena][off:], key)
	copy(s.arenas[arena][off+len(key):], value)
	s.pairs = append(s.pairs, pair{arena: uint32(arena), off: uint32(off), key: uint32(len(key)), value: uint32(len(value))})
	s.size += need + pairCost
	if s.size >= s.cfg.Memory {
		return s.spill()
	}
	return nil
}

// take finds need bytes in an arena; later calls never find earlier ones.
func (s *Sorter) take(need int) (arena, off int) {
	if n := s.free; n > 0 {
		if at := len(s.arenas[n-1]); cap(s.arenas[n-1])-at >= need {
			s.arenas[n-1] = s.arenas[n-1][:at+need]
			return n - 1, at
		}
	}
	if s.free == len(s.arenas) {
		s.arenas = append(s.arenas, nil)
	}
	if cap(s.arenas[s.free]) < need {
		s.arenas[s.free] = make([]byte, 0, max(arenaSize, need))
	}
	s.arenas[s.free] = s.arenas[s.free][:need]
	s.free++
	return s.free - 1, 0
}

// reset forgets the pairs but keeps their memory for the next ones.
func (s *Sorter) reset() {
	s.pairs, s.size, s.free = s.pairs[:0], 0, 0
	keep := s.arenas[:0]
	for _, a := range s.arenas {
		if cap(a) == arenaSize {
			keep = append(keep, a[:0])
		}
	}
	clear(s.arenas[len(keep):])
	s.arenas = keep
}

func (s *Sorter) spill() error {
	s.sortPairs()
	w, err := s.newRun()
	if err != nil {
		return err
	}
	for _, p := range s.pairs {
		if err := w.add(s.bytes(p)); err != nil {
			w.abort()
			return err
		}
	}
	r, err := w.finish()
	if err != nil {
		return err
	}
	s.runs = append(s.runs, r)
	s.reset()
	for n := len(s.runs) - fanIn; n >= 0 && s.runs[n].level == s.runs[len(s.runs)-1].level; n = len(s.runs) - fanIn {
		if err := s.collapse(n); err != nil {
			return err
		}
	}
	return nil
}

// collapse merges the runs from n on into one of the next level. So every pair
// is written once a level, and few runs are open at the end: fewer than fanIn a
// level.
func (s *Sorter) collapse(n int) error {
	old := s.runs[n:]
	w, err := s.newRun()
	if err != nil {
		return err
	}
	if err := s.merge(old, nil, w.add); err != nil {
		w.abort()
		return err
	}
	r, err := w.finish()
	if err != nil {
		return err
	}
	r.level = old[0].level + 1
	s.remove(old)
	s.runs = append(s.runs[:n], r)
	return nil
}

// Each calls f for every pair in order. key and value are valid during the call.
func (s *Sorter) Each(f func(key, value []byte) error) error {
	s.sortPairs()
	if len(s.runs) == 0 {
		for _, p := range s.pairs {
			if err := f(s.bytes(p)); err != nil {
				return err
			}
		}
		return nil
	}
	return s.merge(s.runs, s.pairs, f)
}

// Close removes the scratch files.
func (s *Sorter) Close() error {
	s.pairs, s.arenas, s.free = nil, nil, 0
	err := s.remove(s.runs)
	s.runs = nil
	return err
}

func (s *Sorter) remove(runs []run) error {
	var errs []error
	for _, r := range runs {
		errs = append(errs, s.cfg.FS.Remove(r.name))
	}
	return errors.Join(errs...)
}

// merge reads runs and the sorted pairs in memory; earlier sources win ties, so
// the order of addition is kept.
func (s *Sorter) merge(runs []run, pairs []pair, f func(key, value []byte) error) error {
	h := &cursors{}
	defer h.close()
	for i, r := range runs {
		c, err := s.openRun(r, i)
		if err != nil {
			return err
		}
		h.list = append(h.list, c)
	}
	h.list = append(h.list, &cursor{order: len(runs), sorter: s, pairs: pairs})
	live := h.list[:0]
	for _, c := range h.list {
		ok, err := c.next()
		if err != nil {
			return err
		}
		if ok {
			live = append(live, c)
		} else {
			c.close()
		}
	}
	h.list = live
	for at := len(h.list) / 2; at >= 0; at-- {
		h.sift(at)
	}
	for len(h.list) > 0 {
		c := h.list[0]
		if err := f(c.key, c.value); err != nil {
			return err
		}
		ok, err := c.next()
		if err != nil {
			return err
		}
		if !ok {
			c.close()
			last := len(h.list) - 1
			h.list[0] = h.list[last]
			h.list = h.list[:last]
		}
		h.sift(0)
	}
	return nil
}

// cursors is a heap of sources by their current key.
type cursors struct{ list []*cursor }

// sift moves a source down to where it belongs.
func (h *cursors) sift(at int) {
	for {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(h.list); child++ {
			if h.list[child].before(h.list[least]) {
				least = child
			}
		}
		if least == at {
			return
		}
		h.list[at], h.list[least] = h.list[least], h.list[at]
		at = least
	}
}

func (c *cursor) before(o *cursor) bool {
	if d := bytes.Compare(c.key, o.key); d != 0 {
		return d < 0
	}
	return c.order < o.order
}

func (h *cursors) close() {
	for _, c := range h.list {
		c.close()
	}
}

// cursor walks one run, or the pairs in memory.
type cursor struct {
	order      int
	key, value []byte
	sorter     *Sorter // whose pairs in memory they are
	pairs      []pair
	file       vfs.File
	aead       cipher.AEAD
	off, size  int64
	seq        uint64
	buf, rest  []byte
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

func (c *cursor) next() (bool, error) {
	if c.file == nil {
		if len(c.pairs) == 0 {
			return false, nil
		}
		c.key, c.value = c.sorter.bytes(c.pairs[0])
		c.pairs = c.pairs[1:]
		return true, nil
	}
	if len(c.rest) == 0 {
		if c.off >= c.size {
			return false, nil
		}
		if err := c.load(); err != nil {
			return false, err
		}
	}
	k, n := binary.Uvarint(c.rest)
	v, m := binary.Uvarint(c.rest[n:])
	c.rest = c.rest[n+m:]
	c.key, c.value = c.rest[:k], c.rest[k:k+v]
	c.rest = c.rest[k+v:]
	return true, nil
}

// load decrypts the next chunk: u32 length, ciphertext.
func (c *cursor) load() error {
	var head [4]byte
	if _, err := c.file.ReadAt(head[:], c.off); err != nil {
		return fmt.Errorf("scratch file: %w", err)
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if int64(n) > c.size-c.off-4 {
		return fmt.Errorf("scratch file: chunk of %d bytes is damaged", n)
	}
	c.buf = slices.Grow(c.buf[:0], n)[:n]
	if _, err := c.file.ReadAt(c.buf, c.off+4); err != nil {
		return fmt.Errorf("scratch file: %w", err)
	}
	plain, err := c.aead.Open(c.buf[:0], nil, c.buf, binary.BigEndian.AppendUint64(nil, c.seq))
	if err != nil {
		return fmt.Errorf("scratch file: chunk is damaged: %w", err)
	}
	c.rest = plain
	c.off += int64(4 + n)
	c.seq++
	return nil
}

func (s *Sorter) openRun(r run, order int) (*cursor, error) {
	f, err := s.cfg.FS.Open(r.name, vfs.OpenOptions{})
	if err != nil {
		return nil, err
	}
	aead, err := s.cipher(r.name)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &cursor{order: order, file: f, aead: aead, size: r.size}, nil
}

// cipher is the process's key; run names are random and stand in no other key's use.
func (s *Sorter) cipher(string) (cipher.AEAD, error) {
	if s.aead != nil {
		return s.aead, nil
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	s.aead, err = cipher.NewGCMWithRandomNonce(block)
	return s.aead, err
}

// runWriter writes one run.
type runWriter struct {
	s     *Sorter
	name  string
	file  vfs.File
	aead  cipher.AEAD
	off   int64
	seq   uint64
	plain []byte
	enc   []byte
}

func (s *Sorter) newRun() (*runWriter, error) {
	if !s.made {
		if err := durable.MkdirAll(s.cfg.FS, s.cfg.Dir); err != nil {
			return nil, err
		}
		s.made = true
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	name := s.cfg.Dir + "/sort-" + hex.EncodeToString(id[:])
	aead, err := s.cipher(name)
	if err != nil {
		return nil, err
	}
	f, err := s.cfg.FS.Create(name, vfs.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &runWriter{s: s, name: name, file: f, aead: aead}, nil
}

func (w *runWriter) add(key, value []byte) error {
	w.plain = binary.AppendUvarint(w.plain, uint64(len(key)))
	w.plain = binary.AppendUvarint(w.plain, uint64(len(value)))
	w.plain = append(append(w.plain, key...), value...)
	if len(w.plain) >= chunkSize {
		return w.flush()
	}
	return nil
}

func (w *runWriter) flush() error {
	if len(w.plain) == 0 {
		return nil
	}
	w.enc = append(w.enc[:0], 0, 0, 0, 0)
	w.enc = w.aead.Seal(w.enc, nil, w.plain, binary.BigEndian.AppendUint64(nil, w.seq))
	binary.BigEndian.PutUint32(w.enc, uint32(len(w.enc)-4))
	if _, err := w.file.WriteAt(w.enc, w.off); err != nil {
		return err
	}
	w.off += int64(len(w.enc))
	w.seq++
	w.plain = w.plain[:0]
	return nil
}

func (w *runWriter) finish() (run, error) {
	err := w.flush()
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		w.s.cfg.FS.Remove(w.name)
		return run{}, err
	}
	return run{name: w.name, size: w.off}, nil
}

func (w *runWriter) abort() {
	w.file.Close()
	w.s.cfg.FS.Remove(w.name)
}
