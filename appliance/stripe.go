package appliance

import (
	"errors"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// stripeWriter turns a body into stripes on the disks: it fills an aligned
// buffer, and whenever the buffer holds whole stripes it hashes the data blocks,
// computes parity while they are in cache, and hands all blocks to the disks.
//
//	body buffer:  | stripe: k blocks of b | stripe | …     parity buffer: | m blocks | …
//
// Two buffers take turns, so writing overlaps with the work on the next one.
type stripeWriter struct {
	id     manifest.ID
	code   *erasure.Code
	geo    manifest.Geometry
	shards []*shardFile
	bays   []byte
	bufs   *bufferPool
	cur    *stripeBuffer
	prev   *stripeBuffer
	done   int64  // body bytes handed to the disks
	lines  []byte // hash list
}

// stripeBuffer is one buffer of a stripeWriter with the writes that use it.
type stripeBuffer struct {
	body, parity []byte
	fill         int
	pending      sync.WaitGroup
}

// bufferPool hands out buffers of one geometry; the pool's size is the bound on
// a load's memory.
type bufferPool struct {
	free chan *stripeBuffer
}

// stripeBufferTarget is about how much one buffer holds; tests make it small.
var stripeBufferTarget = 4 << 20

// newBufferPool makes count buffers that hold at least one stripe and one segment.
func newBufferPool(geo manifest.Geometry, count int) *bufferPool {
	stripe := geo.K * geo.BlockSize
	n := max(1, stripeBufferTarget/stripe)
	p := &bufferPool{free: make(chan *stripeBuffer, count)}
	for range count {
		p.free <- &stripeBuffer{body: vfs.AlignedBuffer(n * stripe), parity: vfs.AlignedBuffer(n * geo.M * geo.BlockSize)}
	}
	return p
}

// bufferMemory bounds what all stripe buffers take together, where one worker's
// two do not take more by themselves.
const bufferMemory = 128 << 20

// fitWorkers is how many of the wanted workers the geometry leaves memory for.
func fitWorkers(geo manifest.Geometry, want int) int {
	stripe := (geo.K + geo.M) * geo.BlockSize
	data := geo.K * geo.BlockSize
	each := 2 * stripe * max(1, stripeBufferTarget/data)
	return max(1, min(want, bufferMemory/each))
}

func (p *bufferPool) get() *stripeBuffer {
	b := <-p.free
	b.fill = 0
	return b
}

func (p *bufferPool) put(b *stripeBuffer) {
	if b != nil {
		b.pending.Wait()
		p.free <- b
	}
}

// newStripeWriter creates the shards of a pack on the given bays. A shard that
// cannot be created is lost; too few and the error says so.
func newStripeWriter(id manifest.ID, code *erasure.Code, geo manifest.Geometry, places []*bay, bayNumbers []byte, pool *bufferPool) (*stripeWriter, error) {
	w := &stripeWriter{id: id, code: code, geo: geo, bays: bayNumbers, bufs: pool}
	var wg sync.WaitGroup
	w.shards = make([]*shardFile, len(places))
	for i, b := range places {
		w.shards[i] = &shardFile{bay: b}
		if b == nil || b.failed() != nil {
			continue
		}
		wg.Go(func() {
			err := durable.MkdirAll(b.disk.FS, packDir(id))
			if err == nil {
				w.shards[i].file, err = b.disk.FS.Create(shardName(id, i), vfs.CreateOptions{Direct: true})
			}
			if err != nil {
				w.shards[i].fail(err)
			}
		})
	}
	wg.Wait()
	if err := w.alive(); err != nil {
		w.abort()
		return nil, err
	}
	w.cur = pool.get()
	return w, nil
}

// need is the number of shards without which a pack cannot commit.
func need(g manifest.Geometry) int {
	if g.M == 0 {
		return g.K
	}
	return g.K + 1
}

func (s *shardFile) ok() bool { return s.file != nil && s.bay.failed() == nil && s.full.Load() == nil }

// fail notes an error of the shard's disk. A full disk is not a failed one: the
// pack is given up, and what has been committed stays.
func (s *shardFile) fail(err error) {
	if isFull(err) {
		err = fmt.Errorf("%w: disk %s: %w", ErrFull, s.bay.disk.Name, err)
		s.full.CompareAndSwap(nil, &err)
		return
	}
	s.bay.fail(err)
}

// alive returns an error if too few shards are left.
func (w *stripeWriter) alive() error {
	var errs []error
	good := 0
	for _, s := range w.shards {
		if full := s.full.Load(); full != nil {
			return *full
		}
		if s.ok() {
			good++
		} else if s.bay != nil && s.bay.failed() != nil {
			errs = append(errs, s.bay.failed())
		}
	}
	if good >= need(w.geo) {
		return nil
	}
	return fmt.Errorf("%w: pack %s can be written to %d disks, needs %d: %w", ErrTooFewDisks, w.id, good, need(w.geo), errors.Join(errs...))
}

// space returns room for n bytes of body if the current buffer has it in one
// piece, else nil.
func (w *stripeWriter) space(n int) []byte {
	if len(w.cur.body)-w.cur.fill < n {
		return nil
	}
	return w.cur.body[w.cur.fill : w.cur.fill+n : w.cur.fill+n]
}

// advance takes n bytes that were put into space.
func (w *stripeWriter) advance(n int) error {
	w.cur.fill += n
	if w.cur.fill == len(w.cur.body) {
		return w.flush(false)
	}
	return nil
}

// write copies body bytes that did not fit in one piece.
func (w *stripeWriter) write(p []byte) error {
	for len(p) > 0 {
		n := copy(w.cur.body[w.cur.fill:], p)
		p = p[n:]
		if err := w.advance(n); err != nil {
			return err
		}
	}
	return nil
}

// flush sends the buffer's stripes to the disks and takes another buffer. Only
// the last flush of a body may hold a short stripe.
func (w *stripeWriter) flush(last bool) error {
	b := w.cur
	stripe := w.geo.K * w.geo.BlockSize
	for at := 0; at < b.fill; at += stripe {
		rest := min(stripe, b.fill-at)
		size := w.geo.BlockSize
		if rest < stripe {
			if !last {
				return fmt.Errorf("pack %s: short stripe inside the body", w.id)
			}
			layout := erasure.Layout{K: w.geo.K, M: w.geo.M, Block: int64(w.geo.BlockSize), Body: int64(rest)}
			size = int(layout.BlockLen(0))
			clear(b.body[at+rest : at+w.geo.K*size])
		}
		if err := w.stripe(b, at, at/stripe*w.geo.M*w.geo.BlockSize, size); err != nil {
			return err
		}
		w.done += int64(rest)
	}
	w.bufs.put(w.prev)
	w.prev = b
	if last {
		w.bufs.put(w.prev)
		w.prev, w.cur = nil, nil
		return w.alive()
	}
	w.cur = w.bufs.get()
	return w.alive()
}

// stripe hashes, codes and queues one stripe whose blocks of the given size
// begin at body[at:] and whose parity goes to parity[pat:].
func (w *stripeWriter) stripe(b *stripeBuffer, at, pat, size int) error {
	k, m := w.geo.K, w.geo.M
	blocks := make([][]byte, k+m)
	for i := range k {
		blocks[i] = b.body[at+i*size : at+(i+1)*size : at+(i+1)*size]
	}
	for j := range m {
		blocks[k+j] = b.parity[pat+j*size : pat+(j+1)*size : pat+(j+1)*size]
	}
	if err := w.code.Encode(blocks); err != nil {
		return fmt.Errorf("pack %s: %w", w.id, err)
	}
	off := int64(len(w.lines)/(32*k+8*m)) * int64(w.geo.BlockSize)
	for i := range k {
		sum := crypto.SumSHA256(blocks[i])
		w.lines = append(w.lines, sum[:]...)
		w.queue(b, i, blocks[i], off)
	}
	w.lines = erasure.AppendParity(w.lines, blocks[k:])
	for j := range m {
		w.queue(b, k+j, blocks[k+j], off)
	}
	return nil
}

func (w *stripeWriter) queue(b *stripeBuffer, shard int, block []byte, off int64) {
	s := w.shards[shard]
	if !s.ok() {
		return
	}
	b.pending.Add(1)
	s.bay.io.requests <- writeRequest{file: s, buf: block, off: off, wg: &b.pending}
}

// finish makes every shard, the hash list and its coded pieces durable, after
// flush(true). On return the pack's public entry is complete but for its number.
func (w *stripeWriter) finish() (*manifest.Pack, error) {
	pieces, err := w.code.SplitPieces(w.lines)
	if err != nil {
		w.abort()
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
		w.abort()
		return nil, err
	}
	p := &manifest.Pack{ID: w.id, Geometry: w.geo, BodySize: w.done, Bays: w.bays}
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

// settle makes one shard durable: its blocks, then hash list and piece, then
// the folder. Any error is final for the disk.
func (w *stripeWriter) settle(i int, piece []byte) {
	s := w.shards[i]
	disk := s.bay.disk.FS
	err := s.file.Sync()
	if cerr := s.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = createSynced(disk, hashesName(w.id), w.lines)
	}
	if err == nil {
		err = createSynced(disk, pieceName(w.id, i), piece)
	}
	if err == nil {
		err = disk.SyncDir(packDir(w.id))
	}
	if err != nil {
		s.fail(err)
	}
}

// close closes the file once.
func (s *shardFile) close() error {
	if s.file == nil || s.closed {
		return nil
	}
	s.closed = true
	return s.file.Close()
}

// createSynced creates a file with its content on disk; its name is durable
// with the caller's SyncDir. The names it is used for are random, so nothing is
// ever overwritten.
func createSynced(disk vfs.FS, name string, data []byte) error {
	f, err := disk.Create(name, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// abort gives buffers and files back and removes what was written, so that a full
// disk has room for the seal; what remains after an error is swept at the next open.
func (w *stripeWriter) abort() {
	if w.cur != nil {
		w.bufs.put(w.cur)
	}
	w.bufs.put(w.prev)
	w.cur, w.prev = nil, nil
	for i, s := range w.shards {
		if s == nil || s.file == nil {
			continue
		}
		s.close()
		if s.bay.failed() == nil {
			for _, name := range []string{shardName(w.id, i), hashesName(w.id), pieceName(w.id, i)} {
				s.bay.disk.FS.Remove(name)
			}
		}
	}
}
