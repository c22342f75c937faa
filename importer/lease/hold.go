package lease

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// A Hold is a lease of a state folder that this process has.
type Hold struct {
	slots  files
	number uint64
	seen   atomic.Int64 // when our own was last seen, by the process's clock; 0: never
	lost   atomic.Bool  // the next one was seen
}

// TakeFolder makes the next lease of a state folder. Returned nil means that it is durable.
func TakeFolder(disk vfs.FS) (*Hold, error) {
	slots := files{disk: disk}
	number, err := Take(context.Background(), slots, Lease{Holder: This()})
	if err != nil {
		return nil, err
	}
	return &Hold{slots: slots, number: number}, slots.trim(number)
}

// In is the same lease, for a folder that was opened again.
func (h *Hold) In(disk vfs.FS) *Hold { return &Hold{slots: files{disk: disk}, number: h.number} }

// Near opens the leases' own folder, in the state folder of this path.
func (h *Hold) Near(folder string) (err error) {
	h.slots.near, err = vfs.OS(filepath.Join(folder, Folder))
	return err
}

// Number is the lease's.
func (h *Hold) Number() uint64 { return h.number }

// Close gives back what Near has opened.
func (h *Hold) Close() error {
	if h.slots.near == nil {
		return nil
	}
	return vfs.Close(h.slots.near)
}

// ownLook is how often our own lease is looked for: it is removed only when a hundred
// have followed it.
const ownLook = time.Second

// Held looks for the next lease, and now and then for our own: where the next one is so
// old that it was removed, ours was removed before. Lost is CodeTakenOver; any other error is of
// the disk.
func (h *Hold) Held() error {
	err := h.look()
	if lost := (*Lost)(nil); !errors.As(err, &lost) {
		return err
	}
	h.lost.Store(true)
	return target.NewError(target.CodeTakenOver, "", "the holder is "+HolderOf(h.slots.disk).String(), nil)
}

func (h *Hold) look() error {
	ctx := context.Background()
	if h.lost.Load() {
		return &Lost{}
	}
	if err := Next(ctx, h.slots, h.number, func(Lease) bool { return false }); err != nil {
		return err
	}
	now := time.Since(processBegan)
	if last := h.seen.Load(); last > 0 && now-time.Duration(last) < ownLook {
		return nil
	}
	err := Own(ctx, h.slots, h.number, func(Lease) bool { return true })
	if err == nil {
		h.seen.Store(int64(now))
	}
	return err
}

// processBegan is where the process's own clock begins, which never goes back.
var processBegan = time.Now()
