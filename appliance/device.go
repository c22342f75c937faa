package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// Device is an unlocked, unsealed device. Its exported methods are called one
// at a time.
type Device struct {
	cfg     Config
	key     []byte
	keys    *manifest.Keys
	code    *erasure.Code
	bays    bays
	held    hold
	buffers *bufferPool
	plains  *bytePool
	turn    atomic.Uint64
	writes  writeCount

	roomMu   sync.Mutex // guards the three below; taken before mu
	room     sync.Cond
	reserved int64 // body bytes that open packs may still take
	packs    int   // that have a reservation

	mu           sync.Mutex // guards the rest: commits are ordered by it
	journal      *frameFile
	ordinal      uint64 // of the next frame file
	files        []*frameCopies
	sizes        map[manifest.ID]int64 // acknowledged length of each earlier file
	state        loadState
	broken       error       // the journal could not be written: nothing more may be committed
	lost         int         // bays that were missing when earlier journal files were last brought to m+1 copies
	behind       *readBehind // reads committed packs back; made by the first commit of a load
	noReadBehind bool        // the load leaves reading back to the seal
	unsaved      readMarks   // read-backs that the journal does not know of
}

// loadState is what the journal says has been committed.
type loadState struct {
	packs    uint64
	records  uint64
	entries  uint64
	bytes    int64 // content
	body     int64 // bodies of packs
	degraded uint64
	known    map[manifest.ID]bool
	done     map[manifest.ID]*rangeSet // by scan list
	partial  map[partialKey]*partialFile
	events   [][]byte
	homes    []packHome // by pack number
	reads    map[readKey]*diskReads
}

type partialKey struct {
	list    manifest.ID
	ordinal uint64
}

// Open takes up a prepared device: it finds the disks' bays, replays the
// journal, brings it back to m+1 copies and sweeps what was never committed. The
// disks are the caller's until Close; those of another are ErrBusy.
func Open(cfg Config, loadKey []byte) (*Device, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	held, err := holdDisks(cfg.Disks)
	if err != nil {
		return nil, err
	}
	d, err := open(cfg, loadKey)
	if err != nil {
		held.release()
		return nil, err
	}
	d.held = held
	return d, nil
}

func open(cfg Config, loadKey []byte) (*Device, error) {
	g := cfg.Job.Geometry
	if cfg.Workers <= 0 {
		cfg.Workers = min(8, max(1, runtime.NumCPU()))
	}
	cfg.Workers = fitWorkers(g.Code(), cfg.Workers)
	if cfg.Ledger != nil { // what Open would sweep belongs to the seal by now
		if _, _, ok := cfg.Ledger.RecordedCheckpoint(cfg.Scope.Origin()); ok {
			return nil, ErrSealBegun
		}
	}
	set, err := matchBays(cfg.Disks, cfg.Scope, g.Disks)
	if err != nil {
		return nil, err
	}
	if err := sameJob(set, cfg.JobFile); err != nil {
		return nil, err
	}
	code, err := erasure.NewCode(g.K, g.M)
	if err != nil {
		return nil, err
	}
	d := &Device{cfg: cfg, key: loadKey, keys: manifest.NewKeys(loadKey, cfg.Scope), code: code, bays: set}
	for _, b := range set {
		if b == nil {
			continue
		}
		if _, err := b.disk.FS.Stat(cpName); err == nil {
			return nil, fmt.Errorf("disk %s: %w", b.disk.Name, ErrSealed)
		}
	}
	// With more than m disks missing all copies of a journal could be; what it
	// commits would look as if it had never been.
	if have, least := len(set.healthy()), max(need(g.Code()), g.Disks-g.M); have < least {
		return nil, fmt.Errorf("%w: %d of %d are here, loading needs %d; missing: %s", ErrTooFewDisks, have, g.Disks, least, bayList(set.missing()))
	}
	if err := d.replay(); err != nil {
		return nil, err
	}
	if err := d.sweep(); err != nil {
		return nil, err
	}
	return d, nil
}

// start makes buffers and disk writers; stop gives them back.
func (d *Device) start(writers int) {
	if d.buffers != nil {
		return
	}
	geo := d.cfg.Job.Geometry.Code()
	d.buffers = newBufferPool(geo, fitBuffers(geo, writers))
	d.plains = newBytePool(crypto.PlainSegmentSize, writers)
	for _, b := range d.bays {
		if b != nil {
			b.io = newDiskWriter()
		}
	}
}

func (d *Device) stop() {
	d.stopReadBehind()
	if d.buffers == nil {
		return
	}
	for _, b := range d.bays {
		if b != nil {
			b.io.close()
		}
	}
	d.buffers, d.plains = nil, nil
}

// Close ends work on the device; nothing acknowledged depends on it.
func (d *Device) Close() error {
	d.stop()
	defer d.held.release()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.endJournal()
}

func (d *Device) endJournal() error {
	if d.journal == nil {
		return nil
	}
	j := d.journal
	c := &frameCopies{kind: j.kind, id: j.id, ordinal: j.ordinal, name: j.name}
	for b := range j.replicas {
		c.on = append(c.on, b)
	}
	d.files, d.sizes[j.id] = append(d.files, c), max(j.acked, frameFileHead)
	d.journal = nil
	return j.close()
}

// replay reads every journal file in order.
func (d *Device) replay() error {
	d.sizes = map[manifest.ID]int64{}
	files, err := d.findFrameFiles(journalKind)
	if err != nil {
		return err
	}
	d.files = files
	d.state = loadState{known: map[manifest.ID]bool{}, done: map[manifest.ID]*rangeSet{}, partial: map[partialKey]*partialFile{}}
	for i, c := range files {
		d.ordinal = max(d.ordinal, c.ordinal+1)
		size, thin, err := d.replayFile(c, files[i+1:])
		if err != nil {
			return fmt.Errorf("journal %s: %w", c.id, err)
		}
		d.sizes[c.id] = size
		d.cutTail(c, size)
		if thin || len(c.on) <= d.cfg.Job.Geometry.M {
			if err := d.mendFrameFile(c, size); err != nil {
				return err
			}
		}
	}
	d.lost = len(d.bays.missing())
	d.turn.Store(d.state.packs) // short sessions must not all begin at bay 0
	return nil
}

// replayFile applies a file's frames. Each is held back until the next is seen: a
// frame that another follows was acknowledged, whatever is left of it; only the
// last one of a file may be one that was not. It returns the length of what counts
// and whether some frame stands on fewer than m+1 disks.
func (d *Device) replayFile(c *frameCopies, later []*frameCopies) (size int64, thin bool, err error) {
	var held *frame
	size = frameFileHead
	take := func(fr *frame) error {
		thin = thin || fr.copies <= d.cfg.Job.Geometry.M
		size = fr.end
		return d.apply(*fr)
	}
	if _, err = d.readFrames(c, true, func(fr frame) error {
		last := held
		held = &fr
		if last == nil {
			return nil
		}
		return take(last)
	}); err != nil || held == nil {
		return size, thin, err
	}
	counts, err := d.confirm(held, later)
	if err != nil || !counts {
		return size, true, err
	}
	return size, thin, take(held)
}

// confirm decides whether the last frame of a journal file counts. One on m+1
// disks does. Of the others a pack counts if its bytes are there; if they are not,
// it was never acknowledged, unless disks that are absent could hold the copies
// that are missing here. A later file tells how an earlier Open decided.
func (d *Device) confirm(fr *frame, later []*frameCopies) (bool, error) {
	if fr.copies > d.cfg.Job.Geometry.M {
		return true, nil
	}
	entry, err := d.clearEntry(fr.clear)
	if err != nil || entry == nil {
		return err == nil, err
	}
	for _, c := range later {
		decided, counts := false, false
		_, err := d.readFrames(c, false, func(fr frame) error {
			next, err := d.clearEntry(fr.clear)
			if err == nil && next != nil {
				decided, counts = true, next.Number > entry.Number
				return errStopped
			}
			return err
		})
		if err != nil && !errors.Is(err, errStopped) {
			return false, err
		}
		if decided {
			return counts, nil
		}
	}
	set := d.bays.set()
	pr, err := newPackReader(set, entry, &repairs{})
	if err != nil {
		return false, err
	}
	defer pr.close()
	buf := make([]byte, 1<<20)
	for off := int64(0); off < entry.BodySize && err == nil; off += int64(len(buf)) {
		err = pr.readProven(buf[:min(int64(len(buf)), entry.BodySize-off)], off)
	}
	if err == nil {
		return true, nil
	}
	if absent := d.bays.missing(); fr.copies+len(absent) > d.cfg.Job.Geometry.M {
		return false, fmt.Errorf("%w: whether pack %s was acknowledged cannot be told without %s: %w", ErrTooFewDisks, entry.ID, bayList(absent), err)
	}
	return false, nil
}

// packContext is the context of the device's signature over a pack entry.
const packContext = "pack entry"

// clearEntry reads the public part of a frame; nil if it has none.
func (d *Device) clearEntry(b []byte) (*manifest.Pack, error) {
	if len(b) == 0 {
		return nil, nil
	}
	entry, _, err := splitClear(b)
	if err != nil {
		return nil, err
	}
	e, err := manifest.DecodeEntry(entry)
	if err != nil {
		return nil, err
	}
	if e.Pack == nil || e.Pack.IsIndex() {
		return nil, fmt.Errorf("%w: journal frame without a pack entry", manifest.ErrCorrupt)
	}
	return e.Pack, nil
}

func splitClear(b []byte) (entry, sig []byte, err error) {
	var items [][]byte
	err = fields.Field{Value: b}.Items(func(it []byte) error { items = append(items, it); return nil })
	if err != nil || len(items) != 2 {
		return nil, nil, fmt.Errorf("%w: journal frame's clear part", manifest.ErrCorrupt)
	}
	return items[0], items[1], nil
}

// apply takes one committed frame into the state.
func (d *Device) apply(fr frame) error {
	entry, err := d.clearEntry(fr.clear)
	if err != nil {
		return err
	}
	if entry != nil {
		if entry.Number != d.state.packs {
			return fmt.Errorf("%w: pack number %d, want %d", manifest.ErrCorrupt, entry.Number, d.state.packs)
		}
		d.state.addPack(entry)
	}
	m, err := decodeFrameMessage(fr.plain)
	if err != nil {
		return err
	}
	return d.state.add(m)
}

func (s *loadState) addPack(p *manifest.Pack) {
	s.packs++
	s.body += p.BodySize
	s.known[p.ID] = true
	s.place(p)
	if len(p.Lost) > 0 {
		s.degraded++
	}
}

func (s *loadState) add(m *frameMessage) error {
	for _, b := range m.records {
		kind, _, cont, err := manifest.PeekRecord(b)
		if err != nil {
			return err
		}
		s.records++
		if cont == 0 {
			s.entries++
		}
		if kind == manifest.KindFile || kind == manifest.KindSymlink || kind == manifest.KindHardlink {
			r, err := peekSize(b)
			if err != nil {
				return err
			}
			s.bytes += r
		}
	}
	s.events = append(s.events, m.events...)
	for _, r := range m.reads {
		s.note(r)
	}
	if m.list.IsZero() {
		return nil
	}
	set := s.done[m.list]
	if set == nil {
		set = &rangeSet{}
		s.done[m.list] = set
	}
	for _, r := range m.ranges {
		set.add(r)
		for key := range s.partial {
			if key.list == m.list && key.ordinal >= r.from && key.ordinal < r.to {
				delete(s.partial, key)
			}
		}
	}
	if len(m.partial) == 0 {
		return nil
	}
	p, err := decodePartial(m.partial)
	if err != nil {
		return err
	}
	key := partialKey{m.list, p.ordinal}
	if p.from > 0 {
		old := s.partial[key]
		if old == nil || old.to != p.from || old.identity != p.identity {
			delete(s.partial, key) // does not fit: the file is read from its beginning
			return nil
		}
		p.prepend(old)
	}
	s.partial[key] = p
	return nil
}

// sweep removes packs that were never committed, and scratch files.
func (d *Device) sweep() error {
	d.bays.each(func(b *bay) error {
		if err := durable.RemoveAll(b.disk.FS, tmpDir, 1<<20); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := durable.MkdirAll(b.disk.FS, tmpDir); err != nil {
			return err
		}
		if err := durable.Sweep(b.disk.FS, journalDir); err != nil {
			return err
		}
		return sweepPacks(b, d.state.known)
	})
	if have := len(d.bays.healthy()); have < need(d.cfg.Job.Geometry.Code()) {
		return fmt.Errorf("%w: %w", ErrTooFewDisks, errors.Join(d.bays.errors()...))
	}
	return nil
}

func sweepPacks(b *bay, known map[manifest.ID]bool) error {
	dirs, err := b.disk.FS.ReadDir(packsDir)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		files, err := b.disk.FS.ReadDir(packsDir + "/" + dir.Name())
		if err != nil {
			return err
		}
		removed := false
		for _, f := range files {
			text, _, _ := strings.Cut(f.Name(), ".")
			id, err := manifest.ParseID(text)
			if err != nil || known[id] && !strings.HasSuffix(f.Name(), durable.TempSuffix) {
				continue
			}
			if err := b.disk.FS.Remove(packsDir + "/" + dir.Name() + "/" + f.Name()); err != nil {
				return err
			}
			removed = true
		}
		if removed {
			if err := b.disk.FS.SyncDir(packsDir + "/" + dir.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// commit makes one frame durable: the pack's entry in clear, signed, and the
// records that end with it. Packs get their numbers here, in the journal's order.
func (d *Device) commit(p *packWriter, entry *manifest.Pack, b *batch, list manifest.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var clear []byte
	if entry != nil {
		entry.Number = d.state.packs
		p.number = entry.Number
		raw, err := entry.Encode()
		if err != nil {
			return err
		}
		sig := crypto.SignContext(d.cfg.Key, packContext, append(d.cfg.Scope.Bytes(), raw...))
		clear = fields.AppendItem(fields.AppendItem(nil, raw), sig)
	}
	m, err := b.message(list)
	if err != nil {
		return err
	}
	m.reads = d.unsaved.take()
	if err := d.appendFrame(clear, m); err != nil {
		return err
	}
	if entry != nil {
		d.state.addPack(entry)
		d.readBehind(entry, p.crcs)
	}
	return d.state.add(m)
}

// appendFrame writes to the session's journal file, which the first frame creates.
func (d *Device) appendFrame(clear []byte, m *frameMessage) error {
	if d.broken != nil {
		return d.broken
	}
	err := d.appendNow(clear, m)
	if err == nil && len(d.bays.missing()) != d.lost {
		err = d.keepCopies()
	}
	d.broken = err
	return err
}

// keepCopies brings the journal files of earlier sessions back to m+1 copies after
// a disk has failed.
func (d *Device) keepCopies() error {
	for _, c := range d.files {
		if err := d.mendFrameFile(c, d.sizes[c.id]); err != nil {
			return err
		}
	}
	d.lost = len(d.bays.missing())
	return nil
}

func (d *Device) appendNow(clear []byte, m *frameMessage) error {
	if d.journal == nil {
		f, err := d.newFrameFile(journalKind, d.ordinal)
		if err != nil {
			return err
		}
		d.journal = f
		d.ordinal++
	}
	return d.journal.append(clear, m.encode(), true)
}

// event journals a public remark that the log will carry.
func (d *Device) event(what, text string, bay int) error {
	e := manifest.Event{Time: d.cfg.Now().UTC(), What: what, Text: text, Bay: bay}
	b, err := e.Encode()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := &frameMessage{events: [][]byte{b}}
	if err := d.appendFrame(nil, m); err != nil {
		return err
	}
	return d.state.add(m)
}
