package disks

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/internal/fsck/disk"
)

const (
	laneBudget = 184 << 20 // all workers' runs
	minRun     = 64 << 10
	maxRun     = 4 << 20
	defaultRun = 128 << 10
)

// runSize is how much of a shard is read at once: what the caller asked for, a
// power of two, as long as all workers' double buffers stay within the budget.
// Short runs are hashed and coded while they are in the processor's cache; long
// ones save a rotating disk seeks where the kernel does not read ahead.
func runSize(asked int64, workers, shards int) int64 {
	if asked <= 0 {
		asked = defaultRun
	}
	size := int64(maxRun)
	for size > minRun && (size > asked || size*2*int64(workers)*int64(shards) > laneBudget) {
		size /= 2
	}
	return size
}

// lane reads one shard from front to back, one run ahead of the work, so that
// all disks read at the same time and each reads forward.
type lane struct {
	free chan []byte
	runs chan laneRun
}

// laneRun is one read: data is shorter than asked if the file ends or fails.
type laneRun struct {
	data  []byte
	buf   []byte
	ended bool // the file had ended before
}

// laneSet runs the lanes of one pack.
type laneSet struct {
	lanes []*lane // nil where no file is
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

func startLanes(ctx context.Context, shards [][]shardCopy, length, run int64, arena [][]byte, read *atomic.Int64) *laneSet {
	ctx, stop := context.WithCancel(ctx)
	s := &laneSet{lanes: make([]*lane, len(shards)), stop: stop}
	for j, copies := range shards {
		if len(copies) == 0 {
			continue
		}
		l := &lane{free: make(chan []byte, 2), runs: make(chan laneRun, 2)}
		l.free <- arena[2*j][:run]
		l.free <- arena[2*j+1][:run]
		s.lanes[j] = l
		s.wg.Go(func() { l.read(ctx, copies[0].f, length, run, read) })
	}
	return s
}

func (l *lane) read(ctx context.Context, f *disk.File, length, run int64, read *atomic.Int64) {
	for off := int64(0); off < length; off += run {
		var r laneRun
		select {
		case r.buf = <-l.free:
		case <-ctx.Done():
			return
		}
		if r.ended = off >= f.Size; !r.ended {
			// Why a read fails is of no interest here: what is not there is
			// looked at block by block.
			n, _ := f.ReadAt(r.buf[:min(run, length-off)], off)
			r.data = r.buf[:max(n, 0)]
			read.Add(int64(len(r.data)))
		}
		select {
		case l.runs <- r:
		case <-ctx.Done():
			return
		}
	}
}

// close waits until no lane touches the arena any more.
func (s *laneSet) close() {
	s.stop()
	s.wg.Wait()
}
