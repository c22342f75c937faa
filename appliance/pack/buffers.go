package pack

import (
	"slices"
	"sync"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// stripeBuffer is one buffer of a Writer with the writes that use it.
type stripeBuffer struct {
	body, parity []byte
	fill         int
	pending      sync.WaitGroup
}

// Buffers hands out buffers of one geometry; the pool's size is the bound on
// a load's memory.
//
// Where disks are the limit one pack is written at a time, from its beginning to
// its end, and a hard disk does not seek from one to the other: the pack that was begun
// first gets what is free, and the others get a buffer while more than a quarter are
// free. That is so where packs are the limit.
type Buffers struct {
	mu      sync.Mutex
	free    []*stripeBuffer
	kept    int // free ones that are for the first pack alone
	waiting []*hungry
	open    []uint64 // turns of the packs that may take more, in their order
	turns   uint64
}

// hungry is a pack that waits for a buffer.
type hungry struct {
	turn uint64
	got  chan *stripeBuffer
}

// Buffering is how the stripes of a geometry are kept in buffers.
type Buffering struct {
	Geometry manifest.Geometry
	Buffer   int // how much of a body one buffer holds, or one stripe; 0 is aboutBuffer
}

// aboutBuffer is about how much of a body one buffer holds.
const aboutBuffer = 4 << 20

// New makes count buffers that hold at least one stripe.
func (u Buffering) New(count int) *Buffers {
	geo := u.Geometry
	blocks := u.stripes() * geo.BlockSize
	p := &Buffers{kept: count / 4}
	for range count {
		p.free = append(p.free, &stripeBuffer{body: vfs.AlignedBuffer(blocks * geo.K), parity: vfs.AlignedBuffer(blocks * geo.M)})
	}
	return p
}

// bufferMemory bounds what all stripe buffers take together, where the least of
// one worker do not take more by themselves.
const bufferMemory = 128 << 20

// A worker fills one buffer while the disks take others. With two it waits for
// the slowest disk at every stripe; five let a disk be late by some stripes.
const (
	leastBuffers = 2
	mostBuffers  = 5
)

// FitWorkers is how many of the wanted workers the geometry leaves memory for.
func (u Buffering) FitWorkers(want int) int {
	return max(1, min(want, bufferMemory/(leastBuffers*u.size())))
}

// FitBuffers is how many buffers the workers share.
func (u Buffering) FitBuffers(workers int) int {
	return max(leastBuffers*workers, min(mostBuffers*workers, bufferMemory/u.size()))
}

// size is what one buffer takes, parity included.
func (u Buffering) size() int {
	return (u.Geometry.K + u.Geometry.M) * u.Geometry.BlockSize * u.stripes()
}

// stripes is how many one buffer holds.
func (u Buffering) stripes() int {
	about := u.Buffer
	if about == 0 {
		about = aboutBuffer
	}
	return max(1, about/(u.Geometry.K*u.Geometry.BlockSize))
}

// begin gives a pack that begins its turn, until end.
func (p *Buffers) begin() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns++
	p.open = append(p.open, p.turns)
	return p.turns
}

// end says that a pack takes no more.
func (p *Buffers) end(turn uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.open, turn); i >= 0 {
		p.open = slices.Delete(p.open, i, i+1)
	}
	p.serve()
}

// get waits for a buffer.
func (p *Buffers) get(turn uint64) *stripeBuffer {
	h := &hungry{turn, make(chan *stripeBuffer, 1)}
	p.mu.Lock()
	p.waiting = append(p.waiting, h)
	p.serve()
	p.mu.Unlock()
	b := <-h.got
	b.fill = 0
	return b
}

// put gives a buffer back as soon as the writes that use it are done.
func (p *Buffers) put(b *stripeBuffer) {
	go func() {
		b.pending.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, b)
		p.serve()
	}()
}

// serve hands out what is free: to the first of those who wait while it is the first
// pack, to others while enough are left. A pack that waits holds nothing that is not
// being written, and one that does not wait holds one buffer; there are two for each pack,
// so that more than a quarter come free. The caller holds mu.
func (p *Buffers) serve() {
	for len(p.waiting) > 0 && len(p.free) > 0 {
		first := 0
		for i, h := range p.waiting {
			if h.turn < p.waiting[first].turn {
				first = i
			}
		}
		h := p.waiting[first]
		if h.turn != p.open[0] && len(p.free) <= p.kept {
			return
		}
		n := len(p.free) - 1 // the one that was used last
		h.got <- p.free[n]
		p.free = p.free[:n]
		p.waiting = slices.Delete(p.waiting, first, first+1)
	}
}
