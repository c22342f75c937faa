package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Leases say whose a state folder is where a lock cannot: a process that is frozen,
// or on a host that hangs, keeps its lock. They are files of ascending numbers, each
// made by one process only; whoever has the highest is the holder.
//
//	leases/00000001   {"host":"dc1-a","pid":4711,"at":"2026-03-01T08:00:00Z"}
//	leases/00000002   {"host":"dc1-b","pid":97,"at":"2026-03-01T09:30:00Z"}
//
// Nothing that is proven depends on how soon a holder sees that it was replaced.
// What it still sends to the target is on condition that the key does not exist, and
// with the manifest's checksums; what it still writes to its journal nobody reads.
const leasesFolder = "leases"

const (
	keptLeases = 100     // older ones are removed
	maxLease   = 4 << 10 // bytes of one
	leaseTries = 1000    // processes that may take the next number before us
)

// Lease says who took a state folder, and when.
type Lease struct {
	Host string    `json:"host,omitempty"`
	PID  int       `json:"pid,omitempty"`
	At   time.Time `json:"at"`
}

func (l Lease) String() string {
	if l.At.IsZero() {
		return "another process"
	}
	return fmt.Sprintf("process %d on %s, since %s", l.PID, l.Host, l.At.UTC().Format(time.RFC3339))
}

func thisLease() Lease {
	host, _ := os.Hostname()
	return Lease{Host: host, PID: os.Getpid(), At: time.Now().UTC()}
}

// lease is one that this process has.
type lease struct {
	disk   vfs.FS
	number uint64
	near   vfs.FS       // the leases' own folder, open: what is asked before each write costs one call there; may be nil
	seen   atomic.Int64 // when our own was last seen, by the process's clock; 0: never
	lost   atomic.Bool  // the next one was seen
}

func leaseName(number uint64) string { return leasesFolder + "/" + leaseFile(number) }

func leaseFile(number uint64) string { return fmt.Sprintf("%08d", number) }

// takeLease makes the next lease. Returned nil means that it is durable.
func takeLease(disk vfs.FS) (*lease, error) {
	if err := durable.MkdirAll(disk, leasesFolder); err != nil {
		return nil, err
	}
	text, err := json.Marshal(thisLease())
	if err != nil {
		return nil, err
	}
	highest, err := highestNumber(disk, leasesFolder)
	if err != nil {
		return nil, err
	}
	for number := highest + 1; number <= highest+leaseTries; number++ {
		switch err := makeLease(disk, leaseName(number), append(text, '\n')); {
		case err == nil:
			l := &lease{disk: disk, number: number}
			return l, l.trim()
		case !errors.Is(err, fs.ErrExist):
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: the next %d numbers are taken", leasesFolder, leaseTries)
}

// makeLease makes one file, durably. After a crash in the middle it may be empty: it
// counts by its name.
func makeLease(disk vfs.FS, name string, text []byte) error {
	f, err := disk.Create(name, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return disk.SyncDir(leasesFolder)
}

// trim removes leases from long ago, the oldest first.
func (l *lease) trim() error {
	entries, err := l.disk.ReadDir(leasesFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n, ok := number(e.Name()); ok && n+keptLeases <= l.number {
			if err := l.disk.Remove(leaseName(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// ownLook is how often our own lease is looked for: it is removed only when a hundred
// have followed it.
const ownLook = time.Second

// held looks for the next lease, and now and then for our own: where the next one is so
// old that it was removed, ours was removed before.
func (l *lease) held() error {
	err := l.stat(l.number + 1)
	if errors.Is(err, fs.ErrNotExist) && !l.lost.Load() {
		now := time.Since(processBegan)
		if last := l.seen.Load(); last > 0 && now-time.Duration(last) < ownLook {
			return nil
		}
		if err = l.stat(l.number); err == nil {
			l.seen.Store(int64(now))
			return nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return journalError(err)
	}
	l.lost.Store(true)
	return target.NewError(target.CodeTakenOver, "", "the holder is "+holder(l.disk).String(), nil)
}

func (l *lease) stat(number uint64) (err error) {
	if l.near != nil {
		_, err = l.near.Stat(leaseFile(number))
	} else {
		_, err = l.disk.Stat(leaseName(number))
	}
	return err
}

// processBegan is where the process's own clock begins, which never goes back.
var processBegan = time.Now()

// Holder is who took a state folder last; zero if that cannot be read. It may wait for the folder,
// or have ended.
func Holder(state vfs.FS) Lease { return holder(state) }

// holder reads the highest lease, as far as it can be read.
func holder(disk vfs.FS) (l Lease) {
	n, err := highestNumber(disk, leasesFolder)
	if err != nil || n == 0 {
		return l
	}
	text, err := vfs.ReadFile(disk, leaseName(n), maxLease)
	if err != nil || json.Unmarshal(text, &l) != nil {
		return Lease{}
	}
	return l
}

// highestNumber is the highest of the numbers that the names in a folder are; 0 if
// there is none.
func highestNumber(disk vfs.FS, folder string) (highest uint64, err error) {
	entries, err := disk.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for _, e := range entries {
		if n, ok := number(path.Base(e.Name())); ok {
			highest = max(highest, n)
		}
	}
	return highest, nil
}

// number reads a name of at least eight digits.
func number(name string) (n uint64, ok bool) {
	if len(name) < 8 || len(name) > 18 {
		return 0, false
	}
	n, err := strconv.ParseUint(name, 10, 64)
	return n, err == nil
}
