package disks

import (
	"context"
	"sync"

	"github.com/klauspost/reedsolomon"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// chunkSize is the step of hashing and coding: k chunks stay in the cache
// between the two.
const chunkSize = 32 << 10

// worker has the buffers of one pack in flight.
type worker struct {
	v       *Check
	arena   [][]byte // two runs a shard
	scratch [][]byte // a chunk a shard: what coding computes
	slices  [][]byte // a slice a shard: for single stripes
	plain   []byte
	hashes  blockHashes
	sums    []byte   // digests of a stripe's data blocks
	chunk   [][]byte // shard slices given to the encoder
	coders  map[[2]int]coder
}

type coder struct {
	fast, slow reedsolomon.Encoder
	uses       int
}

func newWorker(v *Check) *worker {
	return &worker{v: v, coders: map[[2]int]coder{}}
}

// maxCoderUses bounds the inverted matrices that an encoder keeps.
const maxCoderUses = 1000

func (w *worker) coder(g wire.Geometry) (coder, error) {
	key := [2]int{g.K, g.M}
	c := w.coders[key]
	if c.fast == nil || c.uses >= maxCoderUses {
		var err error
		if c.fast, err = reedsolomon.New(g.K, g.M, reedsolomon.WithMaxGoroutines(1)); err != nil {
			return c, err
		}
		c.slow, err = reedsolomon.New(g.K, g.M, reedsolomon.WithMaxGoroutines(1), reedsolomon.WithInversionCache(false))
		if err != nil {
			return c, err
		}
		c.uses = 0
	}
	c.uses++
	w.coders[key] = c
	return c, nil
}

// decoder keeps no inverted matrices: single stripes may need very many.
func (w *worker) decoder(g wire.Geometry) (reedsolomon.Encoder, error) {
	c, err := w.coder(g)
	return c.slow, err
}

func (w *worker) buffer(size int) []byte {
	if len(w.plain) < size {
		w.plain = make([]byte, size)
	}
	return w.plain[:size]
}

// grow gives n buffers of at least size bytes.
func grow(bufs [][]byte, n int, size int64) [][]byte {
	for len(bufs) < n {
		bufs = append(bufs, nil)
	}
	for i := range bufs {
		if i < n && int64(cap(bufs[i])) < size {
			bufs[i] = make([]byte, size)
		}
	}
	return bufs
}

// pool lets the workers take entries that feed sends. The first error stops all.
func (v *Check) pool(ctx context.Context, feed func(context.Context, func(*wire.PackEntry) error) error, work func(context.Context, *worker, *wire.PackEntry) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *wire.PackEntry)
	var wg sync.WaitGroup
	for range v.o.Workers {
		wg.Go(func() {
			w := newWorker(v)
			for p := range queue {
				if err := work(ctx, w, p); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := feed(ctx, func(p *wire.PackEntry) error {
		select {
		case queue <- p:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(queue)
	wg.Wait()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}
