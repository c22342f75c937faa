package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/manifest"
)

// bay is a disk's place in the device's set while loading.
type bay struct {
	number int
	disk   Disk
	id     manifest.ID // disk id
	io     *diskWriter // while the bay's writer runs

	mu  sync.Mutex
	err error // first error; the disk counts as failed from then on
	own error // first error here that is not the disk's fault: the process's own, or no room

	condemned atomic.Bool // nothing new goes onto it
}

// newBay is a disk in its place. id is the disk's own.
func newBay(number int, disk Disk, id manifest.ID) *bay {
	return &bay{number: number, disk: disk, id: id}
}

// fail marks the disk as failed. An fsync or write error is final for a disk:
// the kernel may have dropped the pages, so nothing is retried on it. An error of
// the process's own, or of a disk without room, is only noted: [bays.own] ends the
// command with it.
func (b *bay) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if blameless := b.blameless(err); blameless != nil {
		if b.own == nil {
			b.own = blameless
		}
		return b.own
	}
	if b.err == nil {
		b.err = failure(b.disk, b.number, err)
	}
	return b.err
}

// blameless is an error that the disk is not to blame for, with its place; nil for
// others. A full disk keeps what it has.
func (b *bay) blameless(err error) error {
	switch {
	case isFull(err):
		return b.full(err)
	case ownFault(err):
		return fmt.Errorf("disk %s: %w", b.disk.Name, err)
	}
	return nil
}

func (b *bay) full(err error) error {
	if errors.Is(err, ErrFull) {
		return err
	}
	return fmt.Errorf("%w: disk %s: %w", ErrFull, b.disk.Name, err)
}

// fault is the first error on the disk that the disk is not to blame for.
func (b *bay) fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.own
}

func (b *bay) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// bays are the device's disks by bay; nil where a disk is absent.
type bays []*bay

// owner is the device that disks must belong to.
type owner struct {
	scope   manifest.Scope
	bays    int
	allowed Allowed
}

// match puts the disks into their bays by their headers. Every disk must belong
// to the device; a bay must not be there twice.
func (o owner) match(disks []Disk) (bays, error) {
	set := make(bays, o.bays)
	for _, d := range disks {
		h, err := o.bayOf(d)
		if err != nil {
			return nil, err
		}
		if other := set[h.Bay]; other != nil {
			return nil, fmt.Errorf("disks %s and %s: %w: both are bay %d", other.disk.Name, d.Name, ErrForeign, h.Bay)
		}
		set[h.Bay] = newBay(h.Bay, d, h.Disk)
	}
	return set, nil
}

// bayOf reads a disk's header and says what is wrong with a disk that has no place in
// the device: not mounted, without an answer, or foreign.
func (o owner) bayOf(d Disk) (*Header, error) {
	h, err := headerOf(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, o.noHeader(d)
	case err != nil:
		return nil, err
	case h.Scope != o.scope:
		return nil, fmt.Errorf("disk %s: %w: it is bay %d of job %s, device %s, generation %d", d.Name, ErrForeign, h.Bay, h.Scope.Job, h.Scope.Device, h.Scope.Generation)
	case h.Bay >= o.bays:
		return nil, fmt.Errorf("disk %s: %w: bay %d of a set of %d", d.Name, ErrForeign, h.Bay, o.bays)
	}
	return h, rebuilt(d)
}

// headerOf is ReadHeader that says what is wrong with a disk which does not answer, or
// whose header is damaged.
func headerOf(d Disk) (*Header, error) {
	h, err := ReadHeader(d)
	switch {
	case err == nil, ownFault(err), errors.Is(err, fs.ErrNotExist):
		return h, err
	case NoAnswer(err):
		return nil, Unanswered(d.Name, err)
	}
	return nil, badHeader(err)
}

func (s bays) healthy() []*bay {
	var out []*bay
	for _, b := range s {
		if b != nil && b.failed() == nil {
			out = append(out, b)
		}
	}
	return out
}

// missing lists the bays that have no disk or a failed one.
func (s bays) missing() []int {
	var out []int
	for i, b := range s {
		if b == nil || b.failed() != nil {
			out = append(out, i)
		}
	}
	return out
}

// errors gathers what made disks fail.
func (s bays) errors() []error {
	var out []error
	for _, b := range s {
		if b != nil && b.failed() != nil {
			out = append(out, b.failed())
		}
	}
	return out
}

// own is an error of the process's own that was met on some disk, or of a disk
// without room. What was to be done there has not been done, so nothing may be
// decided from the disks any more.
func (s bays) own() error {
	for _, b := range s {
		if b == nil {
			continue
		}
		if err := b.fault(); err != nil {
			return err
		}
	}
	return nil
}

func bayList(list []int) string {
	sort.Ints(list)
	text := make([]string, len(list))
	for i, n := range list {
		text[i] = fmt.Sprint(n)
	}
	if len(text) == 1 {
		return "bay " + text[0]
	}
	return "bays " + strings.Join(text, ", ")
}

// each runs f for every healthy bay at once and marks the disks as failed where
// it returns an error.
func (s bays) each(f func(b *bay) error) {
	var wg sync.WaitGroup
	for _, b := range s.healthy() {
		wg.Go(func() {
			if err := f(b); err != nil {
				b.fail(err)
			}
		})
	}
	wg.Wait()
}

// eachWithRoom is each for what a full disk must not be condemned for: it returns
// ErrFull then.
func (s bays) eachWithRoom(f func(b *bay) error) error {
	var mu sync.Mutex
	var full error
	s.each(func(b *bay) error {
		err := f(b)
		if !isFull(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		full = b.full(err)
		return nil
	})
	return full
}

// hasFile tells whether a file is there, of a size if that is not negative. If this
// process could not look, [bays.own] says so.
func (b *bay) hasFile(name string, size int64) bool {
	st, err := b.disk.FS.Stat(name)
	if ownFault(err) {
		b.fail(err)
	}
	return err == nil && (size < 0 || st.Size() == size)
}

// refuse fails the disk because of an error; one that the disk is not to blame for is
// returned and fails nothing.
func (b *bay) refuse(err error) error {
	if err := b.blameless(err); err != nil {
		return err
	}
	b.fail(err)
	return nil
}

// condemn says whether new shards keep away from the disk.
func (b *bay) condemn(yes bool) { b.condemned.Store(yes) }

// takes tells whether shards of new packs go onto a disk.
func (b *bay) takes() bool { return b != nil && b.failed() == nil && !b.condemned.Load() }

// trusted are the disks that work, those that are condemned last.
func (s bays) trusted() []*bay {
	out := s.healthy()
	slices.SortStableFunc(out, func(a, b *bay) int {
		switch x, y := a.condemned.Load(), b.condemned.Load(); {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	})
	return out
}
