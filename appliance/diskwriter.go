package appliance

import (
	"sync"

	"github.com/sledge-io/sledge/internal/vfs"
)

// writeRequest is one write to a disk. done hears its error, nil or not, when the buffer is
// free again.
type writeRequest struct {
	file vfs.File
	buf  []byte
	off  int64
	done func(error)
}

// diskWriter takes the writes of one disk, so that all disks of a stripe are
// written at once while the next stripe is computed.
type diskWriter struct {
	requests chan writeRequest
	running  sync.WaitGroup
}

const (
	writersPerDisk  = 2 // writes in flight on one disk
	requestsPerDisk = 8
)

// startWriter begins to take the bay's writes, until stopWriter.
func (b *bay) startWriter() {
	w := &diskWriter{requests: make(chan writeRequest, requestsPerDisk)}
	for range writersPerDisk {
		w.running.Go(func() {
			for r := range w.requests {
				r.done(b.write(r))
			}
		})
	}
	b.io = w
}

// write does one request; a disk that has failed gets no more.
func (b *bay) write(r writeRequest) error {
	if err := b.failed(); err != nil {
		return err
	}
	_, err := r.file.WriteAt(r.buf, r.off)
	return err
}

// queue hands a write to the bay's writer, and waits while too many wait there.
func (b *bay) queue(r writeRequest) { b.io.requests <- r }

// queued is how many writes wait for the disk.
func (b *bay) queued() int { return len(b.io.requests) }

// stopWriter waits for what was queued.
func (b *bay) stopWriter() {
	close(b.io.requests)
	b.io.running.Wait()
}

// slowest is the disk whose writes queue while another one's do not; "" if there is
// none. The writers must run.
func (s bays) slowest() string {
	name, most, least := "", 0, requestsPerDisk
	for _, b := range s.healthy() {
		n := b.queued()
		if least = min(least, n); n > most {
			name, most = b.disk.Name, n
		}
	}
	if most < requestsPerDisk/2 || least > most/2 {
		return ""
	}
	return name
}
