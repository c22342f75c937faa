package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/catalog"
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
	look    bool // opened by Look: nothing is written
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

// loadState is what the journal says has been committed. What of it is in the
// manifest package catalog decides; see tallyOf.
type loadState struct {
	packs   uint64
	records uint64
	size    int64  // of the encoded records
	entries uint64 // looks, failed ones included
	body    int64  // bodies of packs
	known   map[manifest.ID]bool
	lists   map[manifest.ID]*listState
	latest  map[byte]shardOf // by bay, the last pack that the journal says has a shard there
	partial map[partialKey]*partialFile
	events  [][]byte
	homes   []packHome // by pack number
	reads   map[readKey]*diskReads
}

// listState is what has become of a scan list.
type listState struct {
	done      rangeSet
	good      uint64 // entries that were loaded
	skipped   uint64 // entries that could not be
	remarked  uint64 // loaded, and not all of it
	bytes     int64  // content of the good ones
	abandoned bool   // the rest was given up
}

// count is how many of the list's items have been committed.
func (l *listState) count() uint64 {
	if l == nil {
		return 0
	}
	return l.done.count()
}

// list makes the state of a list that is met for the first time.
func (s *loadState) list(id manifest.ID) *listState {
	l := s.lists[id]
	if l == nil {
		l = &listState{}
		s.lists[id] = l
	}
	return l
}

// begun tells whether anything of a list has been committed.
func (s *loadState) begun(list manifest.ID) bool {
	if s.lists[list].count() > 0 {
		return true
	}
	for key := range s.partial {
		if key.list == list {
			return true
		}
	}
	return false
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
	d, err := open(cfg, loadKey, false)
	if err != nil {
		held.release()
		return nil, err
	}
	d.held = held
	return d, nil
}

func open(cfg Config, loadKey []byte, look bool) (*Device, error) {
	g := cfg.Job.Geometry
	if cfg.Workers <= 0 {
		cfg.Workers = defaultWorkers()
	}
	cfg.Workers = fitWorkers(g.Code(), cfg.Workers)
	if cfg.Ledger != nil { // what Open would sweep belongs to the seal by now
		if _, _, ok := cfg.Ledger.RecordedCheckpoint(cfg.Scope.Origin()); ok {
			return nil, ErrSealBegun
		}
	}
	set, err := cfg.matchBays()
	if err != nil {
		return nil, err
	}
	if !look {
		if err := sameJob(&cfg, set); err != nil {
			return nil, err
		}
	}
	code, err := erasure.NewCode(g.K, g.M)
	if err != nil {
		return nil, err
	}
	d := &Device{cfg: cfg, key: loadKey, keys: manifest.NewKeys(loadKey, cfg.Scope), code: code, bays: set, look: look}
	for _, b := range set.healthy() {
		_, err := b.disk.FS.Stat(cpName)
		if err == nil {
			return nil, fmt.Errorf("disk %s: %w", b.disk.Name, ErrSealed)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if err := b.refuse(err); err != nil {
				return nil, err
			}
		}
	}
	if err := d.enough(); err != nil {
		return nil, err
	}
	if err := d.replay(); err != nil {
		return nil, err
	}
	if err := d.enough(); err != nil {
		return nil, err
	}
	if look {
		return d, d.bays.own()
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

// enough counts the disks that work. With more than m of them missing all copies
// of a journal could be; what it commits would look as if it had never been.
func (d *Device) enough() error {
	g := d.cfg.Job.Geometry
	have, least := len(d.bays.healthy()), max(need(g.Code()), g.Disks-g.M)
	if d.look {
		least = g.Disks - g.M
	}
	if have >= least {
		return nil
	}
	err := fmt.Errorf("%w: %d of %d are here, loading needs %d; missing: %s", ErrTooFewDisks, have, g.Disks, least, bayList(d.bays.missing()))
	return errors.Join(append([]error{err}, d.bays.errors()...)...)
}

// endJournal closes the session's file with a frame that says so. Without it
// nothing is lost, so its errors are only those of the disks.
func (d *Device) endJournal() error {
	if d.journal == nil {
		return nil
	}
	j := d.journal
	if d.broken == nil {
		j.finish()
	}
	c := &frameCopies{kind: j.kind, id: j.id, ordinal: j.ordinal, name: j.name}
	for b := range j.replicas {
		c.on = append(c.on, b)
	}
	d.files, d.sizes[j.id] = append(d.files, c), max(j.acked, frameFileHead)
	d.journal = nil
	return j.close()
}

// replay reads every journal file in order. Nothing is changed on any disk before
// all of them have been read, and the disks that work have been counted again.
func (d *Device) replay() error {
	d.sizes = map[manifest.ID]int64{}
	files, err := d.findFrameFiles(journalKind)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		if err := d.nothingCommitted(); err != nil {
			return err
		}
	}
	d.state = newLoadState()
	ends := make([]journalEnd, len(files))
	for i, c := range files {
		d.ordinal = max(d.ordinal, c.ordinal+1)
		if ends[i], err = d.replayFile(c, files[i+1:]); err != nil {
			return fmt.Errorf("journal %s: %w", c.id, err)
		}
	}
	if err := d.bays.own(); err != nil {
		return err
	}
	if err := d.enough(); err != nil {
		return err
	}
	d.files = files
	d.condemn()
	for i, c := range files {
		if d.look {
			d.sizes[c.id] = ends[i].size
			continue
		}
		if err := d.settle(c, ends[i]); err != nil {
			return fmt.Errorf("journal %s: %w", c.id, err)
		}
	}
	d.lost = len(d.bays.missing())
	d.turn.Store(d.state.packs) // short sessions must not all begin at bay 0
	return nil
}

// journalEnd is what counts of a journal file.
type journalEnd struct {
	size   int64
	thin   bool  // some frame stands on fewer than m+1 disks
	closed int64 // where the closing frame begins; 0 without one
}

// settle makes the copies of a file alike: what does not count is cut off, and m+1
// disks get the rest. A disk that has no room for it must not keep a device from
// being opened because of the closing frame, which is then cut off, too.
func (d *Device) settle(c *frameCopies, end journalEnd) error {
	cut := func(size int64) error {
		d.sizes[c.id] = size
		return d.cutTail(c, size)
	}
	if err := cut(end.size); err != nil {
		return err
	}
	if !end.thin && len(bays(c.on).healthy()) > d.cfg.Job.Geometry.M {
		return nil
	}
	err := d.mendFrameFile(c, end.size)
	if !isFull(err) || end.closed == 0 {
		return err
	}
	if err := cut(end.closed); err != nil {
		return err
	}
	return d.mendFrameFile(c, end.closed)
}

// replayFile applies a file's frames. Each is held back until the next is seen: a
// frame that another follows was acknowledged, whatever is left of it; only the
// last one of a file may be one that was not.
func (d *Device) replayFile(c *frameCopies, later []*frameCopies) (end journalEnd, err error) {
	var held *frame
	end.size = frameFileHead
	take := func(fr *frame) error {
		end.thin = end.thin || fr.copies <= d.cfg.Job.Geometry.M
		if end.closed = 0; len(fr.clear) == 0 && len(fr.plain) == 0 {
			end.closed = fr.offset
		}
		end.size = fr.end
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
		return end, err
	}
	counts, err := d.confirm(held, later)
	if err != nil || !counts {
		end.thin = true
		return end, err
	}
	return end, take(held)
}

// confirm decides whether the last frame of a journal file counts.
func (d *Device) confirm(fr *frame, later []*frameCopies) (bool, error) {
	entry, err := d.clearEntry(fr.clear)
	if err != nil {
		return false, err
	}
	last := lastFrame{copies: fr.copies, entry: entry}
	if m := d.cfg.Job.Geometry.M; entry != nil && fr.copies <= m {
		dev, _ := d.cfg.Job.Device(d.cfg.Scope.Device)
		if last.next, err = firstPack(later, false, func(raw []byte) *manifest.Pack {
			return clearPack(raw, d.cfg.Scope, dev.PublicKey.PublicKey)
		}); err != nil {
			return false, err
		}
	}
	return d.bays.counts(d.cfg.Job.Geometry.M, last)
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
		if entry.Number > d.state.packs {
			return fmt.Errorf("%w: no journal at hand names the packs from %d to %d", ErrLost, d.state.packs, entry.Number-1)
		}
		if entry.Number < d.state.packs {
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
	s.noteShards(p)
	s.place(p)
}

func newLoadState() loadState {
	return loadState{known: map[manifest.ID]bool{}, lists: map[manifest.ID]*listState{}, partial: map[partialKey]*partialFile{}}
}

func (s *loadState) add(m *frameMessage) error {
	for _, b := range m.records {
		if err := s.addRecord(m.list, b); err != nil {
			return err
		}
	}
	s.events = append(s.events, m.events...)
	for _, id := range m.abandoned {
		s.list(id).abandoned = true
		s.dropPartial(id, 0, 1<<64-1)
	}
	for _, r := range m.reads {
		s.note(r)
	}
	if m.list.IsZero() {
		return nil
	}
	for _, r := range m.ranges {
		s.list(m.list).done.add(r)
		s.dropPartial(m.list, r.from, r.to)
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

// inProgress tells whether some of a long file is committed.
func (s *loadState) inProgress(list manifest.ID, ordinal uint64) bool {
	return s.partial[partialKey{list, ordinal}] != nil
}

func (s *loadState) addRecord(list manifest.ID, b []byte) error {
	s.records++
	s.size += int64(len(b))
	kind, _, cont, err := manifest.PeekRecord(b)
	if err != nil || cont > 0 {
		return err
	}
	s.entries++
	l := s.list(list)
	if kind != manifest.KindSkipped {
		l.good++
		size, remark, err := peekSize(b)
		l.bytes += size
		if remark {
			l.remarked++
		}
		return err
	}
	r, err := manifest.PeekHead(b)
	if err == nil && r.Reason != catalog.Gone {
		l.skipped++
	}
	return err
}

// dropPartial forgets long files in progress.
func (s *loadState) dropPartial(list manifest.ID, from, to uint64) {
	for key := range s.partial {
		if key.list == list && key.ordinal >= from && key.ordinal < to {
			delete(s.partial, key)
		}
	}
}

// sweep removes packs that were never committed, and scratch files.
func (d *Device) sweep() error {
	var own notedFault
	d.bays.each(func(b *bay) error { return own.keep(b, d.sweepDisk(b)) })
	if own.err != nil {
		return own.err
	}
	if err := d.bays.own(); err != nil {
		return err
	}
	if g, have := d.cfg.Job.Geometry.Code(), len(d.bays.healthy()); have < need(g) {
		return tooFew(g, have, d.bays.errors()...)
	}
	return nil
}

func (d *Device) sweepDisk(b *bay) error {
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
}

func sweepPacks(b *bay, known map[manifest.ID]bool) error {
	dirs, err := b.disk.FS.ReadDir(packsDir)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !dir.IsDir() { // not ours: fsck names it
			continue
		}
		files, err := b.disk.FS.ReadDir(packsDir + "/" + dir.Name())
		if err != nil {
			return err
		}
		removed := false
		for _, f := range files {
			text, _, _ := strings.Cut(f.Name(), ".")
			id, err := manifest.ParseID(text)
			if err != nil || f.IsDir() || known[id] && !strings.HasSuffix(f.Name(), durable.TempSuffix) {
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
	if err := d.roomForRecords(m); err != nil {
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
