package pack

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Writer turns a body into stripes on the disks: it fills an aligned
// buffer, and of every whole stripe it hashes the data blocks, computes parity
// while they are in cache, and hands all blocks to the disks.
//
//	body buffer:  | stripe: k blocks of b | stripe | …     parity buffer: | m blocks | …
//
// A full buffer goes back to the pool by itself when the disks have taken it, so
// writing overlaps with the work on the next ones.
type Writer struct {
	ID     manifest.ID
	code   *erasure.Code
	geo    manifest.Geometry
	shards []*shardFile
	bays   []byte
	bufs   *Buffers
	turn   uint64 // among the packs that take buffers
	cur    *stripeBuffer
	done   int64    // body bytes handed to the disks
	lines  []byte   // hash list
	CRCs   []uint64 // of every stored block, stripe by stripe, for the read-back

	ended func() // nil, or to be called when nothing is written any more

	hashes []crypto.ResumableHash // of the data blocks of the open stripe
	at     int                    // where in cur the open stripe begins
	hashed int                    // bytes of it that went into hashes already
}

// shardFile is one shard being written. A shard whose disk has
// failed is lost from then on.
type shardFile struct {
	bay     *disk.Bay
	file    vfs.File       // nil: this shard is lost
	pending sync.WaitGroup // writes that are queued or under way
	closed  bool
	full    atomic.Pointer[error] // the disk had no room for it
}

// NewWriter creates the shards of a pack on the given bays. A shard that
// cannot be created is lost; too few and the error says so.
func NewWriter(id manifest.ID, code *erasure.Code, geo manifest.Geometry, places []*disk.Bay, bayNumbers []byte, pool *Buffers) (*Writer, error) {
	w := &Writer{ID: id, code: code, geo: geo, bays: bayNumbers, bufs: pool, turn: pool.begin()}
	var wg sync.WaitGroup
	w.shards = make([]*shardFile, len(places))
	for i, b := range places {
		w.shards[i] = &shardFile{bay: b}
		if b == nil || b.Failed() != nil {
			continue
		}
		wg.Go(func() {
			err := durable.MkdirAll(b.Disk.FS, disk.PackDir(id))
			if err == nil {
				w.shards[i].file, err = b.Disk.FS.Create(disk.ShardName(id, i), vfs.CreateOptions{Direct: true})
			}
			if err != nil {
				w.shards[i].fail(err)
			}
		})
	}
	wg.Wait()
	if err := w.alive(); err != nil {
		w.Abort()
		return nil, err
	}
	w.cur = pool.get(w.turn)
	return w, nil
}

// Need is the number of shards without which a pack cannot commit.
func Need(g manifest.Geometry) int {
	if g.M == 0 {
		return g.K
	}
	return g.K + 1
}

func (s *shardFile) ok() bool { return s.file != nil && s.bay.Failed() == nil && s.full.Load() == nil }

// fail notes an error of the shard's disk. A full disk is not a failed one, nor is
// one that this process could not ask: the pack is given up, and what has been
// committed stays.
func (s *shardFile) fail(err error) {
	if disk.IsFull(err) {
		err = fmt.Errorf("%w: disk %s: %w", disk.ErrFull, s.bay.Disk.Name, err)
		s.full.CompareAndSwap(nil, &err)
		return
	}
	s.bay.Fail(err)
}

// alive returns an error if too few shards are left.
func (w *Writer) alive() error {
	var errs []error
	good := 0
	for _, s := range w.shards {
		if full := s.full.Load(); full != nil {
			return *full
		}
		if s.bay == nil {
			continue
		}
		if own := s.bay.Fault(); own != nil {
			return own
		}
		if s.ok() {
			good++
		} else if s.bay.Failed() != nil {
			errs = append(errs, s.bay.Failed())
		}
	}
	if good >= Need(w.geo) {
		return nil
	}
	return TooFew(w.geo, good, errs...)
}

// Space returns room for n bytes of body if the current buffer has it in one
// piece, else nil.
func (w *Writer) Space(n int) []byte {
	if len(w.cur.body)-w.cur.fill < n {
		return nil
	}
	return w.cur.body[w.cur.fill : w.cur.fill+n : w.cur.fill+n]
}

// Full sends on what is whole: stripes at once, while they are in cache, and takes
// another buffer when this one has no more. Whoever puts bytes into space says so by
// filled and calls it.
func (w *Writer) Full() error {
	for size := w.geo.K * w.geo.BlockSize; w.cur.fill-w.at >= size; w.at += size {
		if err := w.stripe(w.geo.BlockSize); err != nil {
			return err
		}
		w.done += int64(size)
	}
	if w.at < len(w.cur.body) {
		return nil
	}
	w.at = 0
	w.bufs.put(w.cur)
	w.cur = w.bufs.get(w.turn)
	return w.alive()
}

// Filled says that n bytes were put into space; full comes next.
func (w *Writer) Filled(n int) { w.cur.fill += n }

// Write copies body bytes that did not fit in one piece.
func (w *Writer) Write(p []byte) error {
	for len(p) > 0 {
		n := copy(w.cur.body[w.cur.fill:], p)
		p = p[n:]
		w.cur.fill += n
		if err := w.Full(); err != nil {
			return err
		}
	}
	return nil
}

// Last sends the body's last stripe, which may be short.
func (w *Writer) Last() error {
	if rest := w.cur.fill - w.at; rest > 0 {
		layout := erasure.Layout{K: w.geo.K, M: w.geo.M, Block: int64(w.geo.BlockSize), Body: int64(rest)}
		size := int(layout.BlockLen(0))
		clear(w.cur.body[w.cur.fill : w.at+w.geo.K*size])
		if size < w.geo.BlockSize {
			w.hashed = 0 // its blocks are not the ones that were begun
		}
		if err := w.stripe(size); err != nil {
			return err
		}
		w.done += int64(rest)
	}
	w.release()
	return w.alive()
}

// release gives the open buffer back, and takes no other one.
func (w *Writer) release() {
	if w.cur != nil {
		w.bufs.put(w.cur)
	}
	w.cur = nil
	w.bufs.end(w.turn)
}

// stripe hashes, codes and queues the stripe at w.at whose blocks have the given
// size; its parity has the same place among the buffer's.
func (w *Writer) stripe(size int) error {
	b, k, m := w.cur, w.geo.K, w.geo.M
	parity := b.parity[w.at/k*m:]
	blocks := make([][]byte, k+m)
	for i := range k {
		blocks[i] = b.body[w.at+i*size : w.at+(i+1)*size : w.at+(i+1)*size]
	}
	for j := range m {
		blocks[k+j] = parity[j*size : (j+1)*size : (j+1)*size]
	}
	if err := w.code.Encode(blocks); err != nil {
		return fmt.Errorf("pack %s: %w", w.ID, err)
	}
	off := int64(len(w.lines)/(32*k+8*m)) * int64(w.geo.BlockSize)
	w.hash(blocks[:k])
	w.lines = erasure.AppendParity(w.lines, blocks[k:])
	for _, block := range blocks {
		w.CRCs = append(w.CRCs, erasure.CRC(block))
	}
	for i, block := range blocks {
		w.queue(b, i, block, off)
	}
	w.hashed = 0
	return nil
}

// Unhashed is the next run of ciphertext that no hash has taken, up to its block's
// end, and the hash that takes it; the caller says by took how much. Empty when
// the open stripe has none.
func (w *Writer) Unhashed() (crypto.ResumableHash, []byte) {
	i := w.hashed / w.geo.BlockSize
	if i == w.geo.K {
		return nil, nil
	}
	end := min((i+1)*w.geo.BlockSize, w.cur.fill-w.at)
	return w.hashOf(i), w.cur.body[w.at+w.hashed : w.at+max(end, w.hashed)]
}

// Took says that a hash of unhashed took n bytes.
func (w *Writer) Took(n int) { w.hashed += n }

// hashOf is the hash of data block i, fresh if nothing went into it.
func (w *Writer) hashOf(i int) crypto.ResumableHash {
	if len(w.hashes) == i {
		w.hashes = append(w.hashes, crypto.NewResumableSHA256())
	}
	if w.hashed <= i*w.geo.BlockSize {
		w.hashes[i].Reset()
	}
	return w.hashes[i]
}

// hash finishes the stripe's data blocks, two at a time, and adds their digests.
func (w *Writer) hash(blocks [][]byte) {
	i := w.hashed / w.geo.BlockSize
	for from := w.hashed % w.geo.BlockSize; i < len(blocks); i, from = i+2, 0 {
		if i+1 == len(blocks) {
			w.hashOf(i).Write(blocks[i][from:])
			break
		}
		crypto.WriteSHA256Pair(w.hashOf(i), w.hashOf(i+1), blocks[i][from:], blocks[i+1])
	}
	for i := range blocks {
		w.lines = w.hashes[i].Sum(w.lines)
	}
}

func (w *Writer) queue(b *stripeBuffer, shard int, block []byte, off int64) {
	s := w.shards[shard]
	if !s.ok() {
		return
	}
	b.pending.Add(1)
	s.pending.Add(1)
	s.bay.Queue(disk.WriteRequest{File: s.file, Buf: block, Off: off, Done: func(err error) {
		if err != nil {
			s.fail(err)
		}
		b.pending.Done()
		s.pending.Done()
	}})
}

// Finish makes every shard, the hash list and its coded pieces durable, after
// last. On return the pack's public entry is complete but for its number.
func (w *Writer) Finish() (*manifest.Pack, error) {
	defer w.end()
	pieces, err := w.code.SplitPieces(w.lines)
	if err != nil {
		w.Abort()
		return nil, err
	}
	var wg sync.WaitGroup
	for i, s := range w.shards {
		if s.ok() {
			wg.Go(func() { w.settle(i, pieces[i]) })
		}
	}
	wg.Wait()
	for _, s := range w.shards {
		s.close() // of disks that have failed
	}
	if err := w.alive(); err != nil {
		w.Abort()
		return nil, err
	}
	p := &manifest.Pack{ID: w.ID, Geometry: w.geo, BodySize: w.done, Bays: w.bays}
	lineLen := 32*w.geo.K + 8*w.geo.M
	var tree manifest.Tree
	for at := 0; at < len(w.lines); at += lineLen {
		tree.Add(w.lines[at : at+lineLen])
	}
	p.Root = tree.Root()
	for i := range pieces {
		p.Pieces = append(p.Pieces, crypto.SumSHA256(pieces[i]))
		if !w.shards[i].ok() {
			p.Lost = append(p.Lost, byte(i))
		}
	}
	return p, nil
}

// OnEnd has f called when nothing is written any more.
func (w *Writer) OnEnd(f func()) { w.ended = f }

func (w *Writer) end() {
	if w.ended != nil {
		w.ended()
	}
}

// settle makes one shard durable: its blocks, then hash list and piece, then
// the folder. Any error is final for the disk.
func (w *Writer) settle(i int, piece []byte) {
	s := w.shards[i]
	s.pending.Wait()
	if !s.ok() {
		return
	}
	s.bay.Alone(func() {
		if err := w.settleAlone(i, piece); err != nil {
			s.fail(err)
		}
	})
}

func (w *Writer) settleAlone(i int, piece []byte) error {
	s := w.shards[i]
	fsys := s.bay.Disk.FS
	err := disk.Synced(s.file.Sync())
	if cerr := s.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = createSynced(fsys, disk.HashesName(w.ID), w.lines)
	}
	if err == nil {
		err = createSynced(fsys, disk.PieceName(w.ID, i), piece)
	}
	if err == nil {
		err = disk.Synced(fsys.SyncDir(disk.PackDir(w.ID)))
	}
	return err
}

// close closes the file once, after the writes that are under way.
func (s *shardFile) close() error {
	if s.file == nil || s.closed {
		return nil
	}
	s.pending.Wait()
	s.closed = true
	return s.file.Close()
}

// createSynced creates a file with its content on disk; its name is durable
// with the caller's SyncDir. The names it is used for are random, so nothing is
// ever overwritten.
func createSynced(fsys vfs.FS, name string, data []byte) error {
	f, err := fsys.Create(name, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = disk.Synced(f.Sync())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Abort gives buffers and files back and removes what was written, so that a full
// disk has room for the seal; what remains after an error is swept at the next open.
func (w *Writer) Abort() {
	defer w.end()
	w.release()
	for i, s := range w.shards {
		if s == nil || s.file == nil {
			continue
		}
		s.close()
		if s.bay.Failed() == nil {
			for _, name := range []string{disk.ShardName(w.ID, i), disk.HashesName(w.ID), disk.PieceName(w.ID, i)} {
				s.bay.Disk.FS.Remove(name)
			}
		}
	}
}

// TooFew says how many disks a load needs, and why those that do not work do not.
func TooFew(g manifest.Geometry, work int, why ...error) error {
	least := fmt.Sprintf("%d disks", Need(g))
	if Need(g) == g.K+g.M {
		least = "all " + least
	}
	err := fmt.Errorf("%w: with %d+%d a load needs %s, %d work", disk.ErrTooFewDisks, g.K, g.M, least, work)
	if reason := errors.Join(why...); reason != nil {
		err = fmt.Errorf("%w: %w", err, reason)
	}
	return err
}
