package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

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
	own error // first error here that is not the disk's fault: the process's own, or no room

	told bool // its failure has been journalled

	found     map[uint64]bool // packs whose shard was lost at the commit and is there
	condemned atomic.Bool     // nothing new goes onto it
}

// ErrDiskFailed: a disk gave an error while it was in use.
var ErrDiskFailed = errors.New("a disk failed")

// diskError is the error that made a disk fail, with its place.
type diskError struct {
	disk string
	bay  int
	err  error
}

func (e *diskError) Error() string {
	return fmt.Sprintf("disk %s (bay %d) failed: %v", e.disk, e.bay, e.err)
}
func (e *diskError) Unwrap() []error { return []error{ErrDiskFailed, e.err} }

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
		b.err = &diskError{b.disk.Name, b.number, err}
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

// matchBays puts the disks into their bays by their headers. Every disk must belong
// to the device; a bay must not be there twice.
func (c *Config) matchBays() (bays, error) {
	set := make(bays, c.Job.Geometry.Disks)
	for _, d := range c.Disks {
		h, err := c.bayOf(d)
		if err != nil {
			return nil, err
		}
		if other := set[h.Bay]; other != nil {
			return nil, fmt.Errorf("disks %s and %s: %w: both are bay %d", other.disk.Name, d.Name, ErrForeign, h.Bay)
		}
		set[h.Bay] = &bay{number: h.Bay, disk: d, id: h.Disk}
	}
	return set, nil
}

// bayOf reads a disk's header and says what is wrong with a disk that has no place in
// the device: not mounted, without an answer, or foreign.
func (c *Config) bayOf(d Disk) (*Header, error) {
	h, err := headerOf(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, c.noHeader(d)
	case err != nil:
		return nil, err
	case h.Scope != c.Scope:
		return nil, fmt.Errorf("disk %s: %w: it is bay %d of job %s, device %s, generation %d", d.Name, ErrForeign, h.Bay, h.Scope.Job, h.Scope.Device, h.Scope.Generation)
	case h.Bay >= c.Job.Geometry.Disks:
		return nil, fmt.Errorf("disk %s: %w: bay %d of a set of %d", d.Name, ErrForeign, h.Bay, c.Job.Geometry.Disks)
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

// ErrNoAnswer: a disk gives errors where its folders and files should be.
var ErrNoAnswer = errors.New("does not answer")

// NoAnswer reports whether an error is the disk's own: one of the system that
// concerns neither the name that was asked for, nor the asker's rights.
func NoAnswer(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) || ownFault(err) {
		return false
	}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EACCES, syscall.EPERM, syscall.EEXIST,
		syscall.ENOSPC, syscall.EDQUOT, syscall.EINVAL, syscall.EROFS:
		return false
	}
	return true
}

// Unanswered is the ErrNoAnswer of a disk.
func Unanswered(disk string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno // the folder and the file are of no interest
	}
	return fmt.Errorf("disk %s %w: %w; check cable and power", disk, ErrNoAnswer, err)
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

// tooFew says how many disks a load needs, and why those that do not work do not.
func tooFew(g manifest.Geometry, work int, why ...error) error {
	least := fmt.Sprintf("%d disks", need(g))
	if need(g) == g.K+g.M {
		least = "all " + least
	}
	err := fmt.Errorf("%w: with %d+%d a load needs %s, %d work", ErrTooFewDisks, g.K, g.M, least, work)
	if reason := errors.Join(why...); reason != nil {
		err = fmt.Errorf("%w: %w", err, reason)
	}
	return err
}

// rebuildable makes an error ErrRebuildHelps if so many disks of an unsealed device are
// enough to rebuild another. Its text stays.
func rebuildable(err error, have int, g manifest.JobGeometry) error {
	if g.M == 0 || have < g.Disks-g.M {
		return err
	}
	return rebuildableError{err}
}

type rebuildableError struct{ error }

func (e rebuildableError) Unwrap() error { return e.error }

func (rebuildableError) Is(target error) bool { return target == ErrRebuildHelps }

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

// slowest is the disk whose writes queue while another one's do not; "" if there is
// none. The writers must run.
func (s bays) slowest() string {
	name, most, least := "", 0, requestsPerDisk
	for _, b := range s.healthy() {
		n := len(b.io.requests)
		if least = min(least, n); n > most {
			name, most = b.disk.Name, n
		}
	}
	if most < requestsPerDisk/2 || least > most/2 {
		return ""
	}
	return name
}
