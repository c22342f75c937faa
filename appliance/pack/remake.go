package pack

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
)

// RemakeShard writes one lost shard of the pack on onto.
func (r *Reader) RemakeShard(ctx context.Context, shard int, onto io.WriterAt) error {
	return (&shardRebuild{pr: r, shard: shard, onto: onto}).write(ctx)
}

// shardRebuild writes one lost shard of a pack again, several stripes at once:
//
//	k others → columns in cache → the lost block → its proof → the new disk
//
// A lost data block is proven by its own signed hash, whatever it was decoded
// from. A parity block has no such hash, so the data blocks that it is encoded
// from are proven. A stripe that fails the proof, or a read, is put together
// block by block from those that are good.
type shardRebuild struct {
	pr    *Reader
	shard int
	onto  io.WriterAt
	next  atomic.Int64  // stripe
	mend  chan struct{} // a place for each worker that holds a whole stripe
}

// rebuildStep is how much of a block is read and decoded at a time: so much of
// k blocks stays in the core's cache.
const rebuildStep = 128 << 10

// rebuildMemory bounds the blocks in flight, and the whole stripes that are mended.
const rebuildMemory = 64 << 20

// write writes all blocks. More stripes are in flight than there are cores, so
// that reading and writing overlap with the work.
func (r *shardRebuild) write(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	block := r.pr.layout.Block
	r.mend = make(chan struct{}, max(1, min(runtime.GOMAXPROCS(0), rebuildMemory/(r.pr.layout.K*int(block)))))
	var wg sync.WaitGroup
	for range max(1, min(2*runtime.GOMAXPROCS(0), rebuildMemory/int(block))) {
		wg.Go(func() {
			w := r.newWorker()
			for ctx.Err() == nil {
				s := r.next.Add(1) - 1
				if s >= r.pr.layout.Stripes() {
					return
				}
				if err := w.stripe(s); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// rebuildWorker has the buffers of one stripe.
type rebuildWorker struct {
	*shardRebuild
	out    []byte                 // the lost block
	rows   [][]byte               // columns of every block of the stripe
	step   [][]byte               // their buffers
	hashes []crypto.ResumableHash // of the data blocks, if parity is lost
	unread []bool                 // shards that cannot be read
}

func (r *shardRebuild) newWorker() *rebuildWorker {
	k, n := r.pr.layout.K, r.pr.layout.K+r.pr.layout.M
	w := &rebuildWorker{shardRebuild: r, out: vfs.AlignedBuffer(int(r.pr.layout.Block)), rows: make([][]byte, n), step: make([][]byte, n), unread: make([]bool, n)}
	for i := range w.step {
		w.step[i] = make([]byte, min(rebuildStep, r.pr.layout.Block))
	}
	if r.shard >= k {
		for range k {
			w.hashes = append(w.hashes, crypto.NewResumableSHA256())
		}
	}
	w.unread[r.shard] = true
	return w
}

func (w *rebuildWorker) stripe(s int64) error {
	block := w.out[:w.pr.layout.BlockLen(s)]
	ok, err := w.decode(block, s)
	if err == nil && !ok {
		err = w.fromGood(block, s)
	}
	if err != nil {
		return err
	}
	_, err = w.onto.WriteAt(block, s*w.pr.layout.Block)
	return err
}

// fromGood makes the block from such blocks of the stripe as are proven good.
func (w *rebuildWorker) fromGood(block []byte, s int64) error {
	w.mend <- struct{}{}
	defer func() { <-w.mend }()
	b, err := w.pr.block(s, w.shard)
	copy(block, b)
	return err
}

// decode makes the block from the first k others, and tells whether it is proven.
func (w *rebuildWorker) decode(block []byte, s int64) (bool, error) {
	for _, h := range w.hashes {
		h.Reset()
	}
	for at := 0; at < len(block); at += rebuildStep {
		part := block[at:min(at+rebuildStep, len(block))]
		if !w.read(s*w.pr.layout.Block+int64(at), len(part)) {
			return false, nil
		}
		if err := w.columns(part); err != nil {
			return false, err
		}
	}
	if w.shard < w.pr.layout.K {
		return blockGood(w.pr.layout, w.pr.list, s, w.shard, block), nil
	}
	line := w.pr.list[int(s)*w.pr.layout.LineLen():]
	for i, h := range w.hashes {
		if string(h.Sum(nil)) != string(line[32*i:32*i+32]) {
			return false, nil
		}
	}
	return true, nil
}

// read fills the rows of k shards; those of the others are left empty. A shard
// that fails is not asked again here.
func (w *rebuildWorker) read(off int64, n int) bool {
	have := 0
	for i := range w.rows {
		w.rows[i] = w.step[i][:0]
		if have == w.pr.layout.K || w.unread[i] {
			continue
		}
		f := w.pr.shard(i)
		if f == nil {
			w.unread[i] = true
			continue
		}
		if _, err := f.ReadAt(w.step[i][:n], off); err != nil {
			w.unread[i] = true
			return false
		}
		w.rows[i] = w.step[i][:n]
		have++
	}
	return have == w.pr.layout.K
}

// columns computes part, the columns of the lost block, from the rows.
func (w *rebuildWorker) columns(part []byte) error {
	k := w.pr.layout.K
	w.rows[w.shard] = part[:0:len(part)]
	if err := w.pr.code.DecodeData(w.rows); err != nil || w.shard < k {
		return err
	}
	for i := 0; i+1 < k; i += 2 {
		crypto.WriteSHA256Pair(w.hashes[i], w.hashes[i+1], w.rows[i], w.rows[i+1])
	}
	if k%2 == 1 {
		w.hashes[k-1].Write(w.rows[k-1])
	}
	for j := k; j < len(w.rows); j++ {
		w.rows[j] = w.step[j][:len(part)]
	}
	w.rows[w.shard] = part
	return w.pr.code.Encode(w.rows)
}
