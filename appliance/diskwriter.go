package appliance

import (
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/internal/vfs"
)

// diskWriter takes the writes of one disk, so that all disks of a stripe are
// written at once while the next stripe is computed.
type diskWriter struct {
	requests chan writeRequest
	done     sync.WaitGroup
}

type writeRequest struct {
	file *shardFile
	buf  []byte
	off  int64
	wg   *sync.WaitGroup
}

// shardFile is one shard being written. A shard whose disk has
// failed is lost from then on.
type shardFile struct {
	bay     *bay
	file    vfs.File       // nil: this shard is lost
	pending sync.WaitGroup // writes that are queued or under way
	closed  bool
	full    atomic.Pointer[error] // the disk had no room for it
}

const (
	writersPerDisk  = 2 // writes in flight on one disk
	requestsPerDisk = 8
)

func newDiskWriter() *diskWriter {
	d := &diskWriter{requests: make(chan writeRequest, requestsPerDisk)}
	for range writersPerDisk {
		d.done.Go(func() {
			for r := range d.requests {
				if err := r.write(); err != nil {
					r.file.fail(err)
				}
				r.wg.Done()
				r.file.pending.Done()
			}
		})
	}
	return d
}

func (r writeRequest) write() error {
	if err := r.file.bay.failed(); err != nil {
		return err
	}
	_, err := r.file.file.WriteAt(r.buf, r.off)
	return err
}

// close waits for what was queued.
func (d *diskWriter) close() {
	close(d.requests)
	d.done.Wait()
}
