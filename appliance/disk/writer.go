package disk

import (
	"sync"

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
// written at once while the next stripe is computed.
type diskWriter struct {
	requests chan WriteRequest
	running  sync.WaitGroup
}

const (
	writersPerDisk  = 2 // writes in flight on one disk
	requestsPerDisk = 8
)

// StartWriter begins to take the bay's writes, until stopWriter.
func (b *Bay) StartWriter() {
	w := &diskWriter{requests: make(chan WriteRequest, requestsPerDisk)}
	for range writersPerDisk {
		w.running.Go(func() {
			for r := range w.requests {
				r.Done(b.write(r))
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

// Queue hands a write to the bay's writer, and waits while too many wait there.
func (b *Bay) Queue(r WriteRequest) { b.io.requests <- r }

// Queued is how many writes wait for the disk.
func (b *Bay) Queued() int { return len(b.io.requests) }

// StopWriter waits for what was queued.
func (b *Bay) StopWriter() {
	close(b.io.requests)
	b.io.running.Wait()
}

// Slowest is the disk whose writes queue while another one's do not; "" if there is
// none. The writers must run.
func (s Bays) Slowest() string {
	name, most, least := "", 0, requestsPerDisk
	for _, b := range s.Healthy() {
		n := b.Queued()
		if least = min(least, n); n > most {
			name, most = b.Disk.Name, n
		}
	}
	if most < requestsPerDisk/2 || least > most/2 {
		return ""
	}
	return name
}
