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
// a load's memory. Of the packs that wait the one that was begun first gets the next
// buffer: where disks are the limit one pack is written at a time, from its beginning to
// its end, and a hard disk does not seek from one to the other. Where packs are
// the limit none waits.
type Buffers struct {
	mu      sync.Mutex
	free    []*stripeBuffer
	waiting []*hungry
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
	p := &Buffers{}
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

// turn is that of a pack that begins.
func (p *Buffers) turn() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns++
	return p.turns
}

// get waits for a buffer, behind those with an earlier turn.
func (p *Buffers) get(turn uint64) *stripeBuffer {
	b := p.take(turn)
	b.fill = 0
	return b
}

func (p *Buffers) take(turn uint64) *stripeBuffer {
	p.mu.Lock()
	if n := len(p.free); n > 0 { // the one that was used last
		b := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return b
	}
	h := &hungry{turn, make(chan *stripeBuffer, 1)}
	p.waiting = append(p.waiting, h)
	p.mu.Unlock()
	return <-h.got
}

// put gives a buffer back as soon as the writes that use it are done.
func (p *Buffers) put(b *stripeBuffer) {
	go func() {
		b.pending.Wait()
		p.give(b)
	}()
}

// give hands a buffer to the first who waits.
func (p *Buffers) give(b *stripeBuffer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.free = append(p.free, b)
		return
	}
	first := 0
	for i, h := range p.waiting {
		if h.turn < p.waiting[first].turn {
			first = i
		}
	}
	p.waiting[first].got <- b
	p.waiting = slices.Delete(p.waiting, first, first+1)
}
