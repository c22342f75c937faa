package disk

import (
	"slices"
	"sync"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// WriteRequest is one write to a disk. done hears its error, nil or not, when the buffer is
// free again.
type WriteRequest struct {
	File vfs.File
	Buf  []byte
	Off  int64
	Done func(error)
}

// diskWriter takes the writes of one disk, so that all disks of a stripe are
// written at once while the next stripe is computed. Of what waits it takes what goes on
// in the file that the disk is at: a hard disk seeks for every change of the file.
type diskWriter struct {
	mu      sync.Mutex
	ready   *sync.Cond
	waiting []WriteRequest // in the order in which they came
	at      vfs.File       // of the request that was taken last
	shut    bool
	running sync.WaitGroup
	alone   bool // somebody has the disk alone, or waits for that

	pace pace
}

const writersPerDisk = 2 // writes in flight on one disk

// StartWriter begins to take the bay's writes, until stopWriter.
func (b *Bay) StartWriter() {
	w := &diskWriter{}
	w.ready = sync.NewCond(&w.mu)
	for range writersPerDisk {
		w.running.Go(func() {
			for r, ok := w.take(); ok; r, ok = w.take() {
				err := b.write(r)
				w.wrote(len(r.Buf))
				r.Done(err)
			}
		})
	}
	b.io = w
}

// write does one request; a disk that has failed gets no more.
func (b *Bay) write(r WriteRequest) error {
	if err := b.Failed(); err != nil {
		return err
	}
	_, err := r.File.WriteAt(r.Buf, r.Off)
	return err
}

// Queue hands a write to the bay's writer and never waits: a slow disk is as far behind
// as its caller has buffers.
func (b *Bay) Queue(r WriteRequest) {
	w := b.io
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, r)
	w.ready.Broadcast() // who waits to be alone waits there, too
}

// take waits for the next write; false when the writer has stopped.
func (w *diskWriter) take() (r WriteRequest, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) == 0 || w.alone {
		if w.shut && !w.alone {
			return r, false
		}
		w.ready.Wait()
	}
	i := w.next()
	r = w.waiting[i]
	w.waiting = slices.Delete(w.waiting, i, i+1)
	w.at = r.File
	w.pace.begin(time.Now())
	return r, true
}

// next is the place of the oldest write to the file that the disk is at, else of the
// oldest. A file is as long as its pack lets it be, so that others have their turn. The
// caller holds mu.
func (w *diskWriter) next() int {
	return max(0, slices.IndexFunc(w.waiting, func(r WriteRequest) bool { return r.File == w.at }))
}

// wrote says that a write of n bytes is over.
func (w *diskWriter) wrote(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pace.end(time.Now(), n)
	if w.alone {
		w.ready.Broadcast()
	}
}

// Queued is how many writes wait for the disk.
func (b *Bay) Queued() int {
	b.io.mu.Lock()
	defer b.io.mu.Unlock()
	return len(b.io.waiting)
}

// Alone runs f while the bay's writer writes nothing: small writes with an fsync after
// each, between which a hard disk would go back and forth. What is queued waits.
func (b *Bay) Alone(f func()) {
	b.io.begin()
	defer b.io.end()
	f()
}

func (w *diskWriter) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.alone {
		w.ready.Wait()
	}
	for w.alone = true; w.pace.flying > 0; {
		w.ready.Wait()
	}
}

func (w *diskWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alone = false
	w.ready.Broadcast()
}

// StopWriter waits for what was queued.
func (b *Bay) StopWriter() {
	b.io.mu.Lock()
	b.io.shut = true
	b.io.ready.Broadcast()
	b.io.mu.Unlock()
	b.io.running.Wait()
}
