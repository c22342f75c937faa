package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/manifest"
)

// bay is a disk's place in the device's set while loading.
type bay struct {
	number int
	disk   Disk
	id     manifest.ID // disk id
	io     *diskWriter

	mu  sync.Mutex
	err error // first error; the disk counts as failed from then on

	told bool // its failure has been journalled
}

// fail marks the disk as failed. An fsync or write error is final for a disk:
// the kernel may have dropped the pages, so nothing is retried on it.
func (b *bay) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = fmt.Errorf("disk %s (bay %d) failed: %w", b.disk.Name, b.number, err)
	}
	return b.err
}

func (b *bay) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// bays are the device's disks by bay; nil where a disk is absent.
type bays []*bay

// matchBays puts disks into their bays by their headers. Every disk must belong
// to the scope; a bay must not be there twice.
func matchBays(disks []Disk, scope manifest.Scope, n int) (bays, error) {
	set := make(bays, n)
	for _, d := range disks {
		h, err := ReadHeader(d)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("disk %s: %w: it was never prepared for this job (replace a failed disk with \"sledge rebuild\")", d.Name, ErrForeign)
		}
		if err != nil {
			return nil, badHeader(err)
		}
		if h.Scope != scope {
			return nil, fmt.Errorf("disk %s: %w: it is bay %d of job %s, device %s, generation %d", d.Name, ErrForeign, h.Bay, h.Scope.Job, h.Scope.Device, h.Scope.Generation)
		}
		if h.Bay >= n {
			return nil, fmt.Errorf("disk %s: %w: bay %d of a set of %d", d.Name, ErrForeign, h.Bay, n)
		}
		if other := set[h.Bay]; other != nil {
			return nil, fmt.Errorf("disks %s and %s: %w: both are bay %d", other.disk.Name, d.Name, ErrForeign, h.Bay)
		}
		set[h.Bay] = &bay{number: h.Bay, disk: d, id: h.Disk}
	}
	return set, nil
}

// badHeader is for a disk whose header is damaged or cannot be read: what it holds
// cannot be placed, and the others need not wait for it.
func badHeader(err error) error {
	return fmt.Errorf("%w: its header does not tell whose it is (go on without this disk, \"sledge rebuild\" puts a new one in its place; before anything is loaded, an empty disk will do): %w", ErrForeign, err)
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
		full = fmt.Errorf("%w: disk %s: %w", ErrFull, b.disk.Name, err)
		return nil
	})
	return full
}
