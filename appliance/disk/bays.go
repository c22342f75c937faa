package disk

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

// Bay is a disk's place in the device's set while loading.
type Bay struct {
	Number int
	Disk   Disk
	ID     manifest.ID // disk id
	io     *diskWriter // while the bay's writer runs

	mu  sync.Mutex
	err error // first error; the disk counts as failed from then on
	own error // first error here that is not the disk's fault: the process's own, or no room

	condemned atomic.Bool // nothing new goes onto it
}

// NewBay is a disk in its place. id is the disk's own.
func NewBay(number int, disk Disk, id manifest.ID) *Bay {
	return &Bay{Number: number, Disk: disk, ID: id}
}

// Fail marks the disk as failed. An fsync or write error is final for a disk:
// the kernel may have dropped the pages, so nothing is retried on it. An error of
// the process's own, or of a disk without room, is only noted: [Bays.Own] ends the
// command with it.
func (b *Bay) Fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if blameless := b.blameless(err); blameless != nil {
		if b.own == nil {
			b.own = blameless
		}
		return b.own
	}
	if b.err == nil {
		b.err = Failure(b.Disk, b.Number, err)
	}
	return b.err
}

// blameless is an error that the disk is not to blame for, with its place; nil for
// others. A full disk keeps what it has.
func (b *Bay) blameless(err error) error {
	switch {
	case IsFull(err):
		return b.Full(err)
	case OwnFault(err):
		return fmt.Errorf("disk %s: %w", b.Disk.Name, err)
	}
	return nil
}

func (b *Bay) Full(err error) error {
	if errors.Is(err, ErrFull) {
		return err
	}
	return fmt.Errorf("%w: disk %s: %w", ErrFull, b.Disk.Name, err)
}

// Fault is the first error on the disk that the disk is not to blame for.
func (b *Bay) Fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.own
}

func (b *Bay) Failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Bays are the device's disks by bay; nil where a disk is absent.
type Bays []*Bay

// Owner is the device that disks must belong to.
type Owner struct {
	Scope   manifest.Scope
	Bays    int
	Allowed Allowed
}

// Match puts the disks into their bays by their headers. Every disk must belong
// to the device; a bay must not be there twice.
func (o Owner) Match(disks []Disk) (Bays, error) {
	headers, errs := o.headers(disks)
	set := make(Bays, o.Bays)
	for i, d := range disks {
		h, err := headers[i], errs[i]
		if err != nil {
			return nil, err
		}
		if other := set[h.Bay]; other != nil {
			return nil, fmt.Errorf("disks %s and %s: %w: both are bay %d", other.Disk.Name, d.Name, ErrForeign, h.Bay)
		}
		set[h.Bay] = NewBay(h.Bay, d, h.Disk)
	}
	return set, nil
}

// headers are those of all disks, which seek for them at the same time.
func (o Owner) headers(disks []Disk) ([]*Header, []error) {
	headers, errs := make([]*Header, len(disks)), make([]error, len(disks))
	var wg sync.WaitGroup
	for i, d := range disks {
		wg.Go(func() { headers[i], errs[i] = o.BayOf(d) })
	}
	wg.Wait()
	return headers, errs
}

// BayOf reads a disk's header and says what is wrong with a disk that has no place in
// the device: not mounted, without an answer, or foreign.
func (o Owner) BayOf(d Disk) (*Header, error) {
	h, err := HeaderOf(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, o.NoHeader(d)
	case err != nil:
		return nil, err
	case h.Scope != o.Scope:
		return nil, fmt.Errorf("disk %s: %w: it is bay %d of job %s, device %s, generation %d", d.Name, ErrForeign, h.Bay, h.Scope.Job, h.Scope.Device, h.Scope.Generation)
	case h.Bay >= o.Bays:
		return nil, fmt.Errorf("disk %s: %w: bay %d of a set of %d", d.Name, ErrForeign, h.Bay, o.Bays)
	}
	return h, CheckMark(d)
}

// HeaderOf is ReadHeader that says what is wrong with a disk which does not answer, or
// whose header is damaged.
func HeaderOf(d Disk) (*Header, error) {
	h, err := ReadHeader(d)
	switch {
	case err == nil, OwnFault(err), errors.Is(err, fs.ErrNotExist):
		return h, err
	case NoAnswer(err):
		return nil, Unanswered(d.Name, err)
	}
	return nil, badHeader(err)
}

func (s Bays) Healthy() []*Bay {
	var out []*Bay
	for _, b := range s {
		if b != nil && b.Failed() == nil {
			out = append(out, b)
		}
	}
	return out
}

// Missing lists the bays that have no disk or a failed one.
func (s Bays) Missing() []int {
	var out []int
	for i, b := range s {
		if b == nil || b.Failed() != nil {
			out = append(out, i)
		}
	}
	return out
}

// Errors gathers what made disks fail.
func (s Bays) Errors() []error {
	var out []error
	for _, b := range s {
		if b != nil && b.Failed() != nil {
			out = append(out, b.Failed())
		}
	}
	return out
}

// Own is an error of the process's own that was met on some disk, or of a disk
// without room. What was to be done there has not been done, so nothing may be
// decided from the disks any more.
func (s Bays) Own() error {
	for _, b := range s {
		if b == nil {
			continue
		}
		if err := b.Fault(); err != nil {
			return err
		}
	}
	return nil
}

func BayList(list []int) string {
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

// Each runs f for every healthy bay at once and marks the disks as failed where
// it returns an error.
func (s Bays) Each(f func(b *Bay) error) {
	var wg sync.WaitGroup
	for _, b := range s.Healthy() {
		wg.Go(func() {
			if err := f(b); err != nil {
				b.Fail(err)
			}
		})
	}
	wg.Wait()
}

// EachWithRoom is each for what a full disk must not be condemned for: it returns
// ErrFull then.
func (s Bays) EachWithRoom(f func(b *Bay) error) error {
	var mu sync.Mutex
	var full error
	s.Each(func(b *Bay) error {
		err := f(b)
		if !IsFull(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		full = b.Full(err)
		return nil
	})
	return full
}

// HasFile tells whether a file is there, of a size if that is not negative. If this
// process could not look, [Bays.Own] says so.
func (b *Bay) HasFile(name string, size int64) bool {
	st, err := b.Disk.FS.Stat(name)
	if OwnFault(err) {
		b.Fail(err)
	}
	return err == nil && (size < 0 || st.Size() == size)
}

// Refuse fails the disk because of an error; one that the disk is not to blame for is
// returned and fails nothing.
func (b *Bay) Refuse(err error) error {
	if err := b.blameless(err); err != nil {
		return err
	}
	b.Fail(err)
	return nil
}

// Condemn says whether new shards keep away from the disk.
func (b *Bay) Condemn(yes bool) { b.condemned.Store(yes) }

// Takes tells whether shards of new packs go onto a disk.
func (b *Bay) Takes() bool { return b != nil && b.Failed() == nil && !b.condemned.Load() }

// Trusted are the disks that work, those that are condemned last.
func (s Bays) Trusted() []*Bay {
	out := s.Healthy()
	slices.SortStableFunc(out, func(a, b *Bay) int {
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
