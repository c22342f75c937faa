// Package slowfs shows a folder at another place by a FUSE file system whose calls
// take time, hang, or share one disk head: a NAS, a dead NAS and a hard disk for
// tests and for the benchmark. The kernel caches neither names nor attributes of
// it, and a listing brings no attributes along, so every look of a program is a
// call. It imports pause and go-fuse and is no part of sledge itself.
//
//	slow, err := slowfs.Mount(ctx, folder, mountpoint, slowfs.Options{Call: time.Millisecond})
//	defer slow.Close()
//
// A mount ends with its context. What a killed program leaves mounted, Unmount
// takes away.
package slowfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/pause"
)

// mostCalls is how many calls wait or are served at once; further ones queue.
const mostCalls = 1024

// Options are the times of a mount. The zero value adds nothing to the calls.
type Options struct {
	Call time.Duration // that every call takes longer
	Disk Disk          // that the contents lie on
	// ReadOnly keeps the source as it is, also from whoever removes the mount point
	// while it is mounted.
	ReadOnly bool
}

// FS is a mounted file system.
type FS struct {
	at     string
	ctx    context.Context
	end    context.CancelCauseFunc
	closed func() error
	call   atomic.Int64 // nanoseconds
	slots  chan struct{}
	line   pause.Line // of the calls that wait
	disk   *disk      // nil: none

	mu       sync.Mutex
	count    map[string]int64
	inFlight int
	most     int
	inodes   map[uint64]uint64 // of the source's files, by the kernel's number of a node
	stall    *stall
}

// ErrNoFUSE says that this machine cannot mount.
var ErrNoFUSE = errors.New("no FUSE here")

var errClosed = errors.New("the slow file system is unmounted")

// Mount shows source at an empty folder until ctx ends or Close. The error is
// ErrNoFUSE where /dev/fuse cannot be opened.
func Mount(ctx context.Context, source, at string, o Options) (*FS, error) {
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	_ = dev.Close()
	// A link's target is its reader's matter: the root must be the folder itself.
	if source, err = filepath.EvalSymlinks(source); err != nil {
		return nil, err
	}
	if at, err = filepath.Abs(at); err != nil {
		return nil, err
	}
	root, err := fs.NewLoopbackRoot(source)
	if err != nil {
		return nil, err
	}
	loopback, ok := root.(*fs.LoopbackNode)
	if !ok {
		return nil, fmt.Errorf("%T is no loopback node", root)
	}
	top := &node{loopback}
	loopback.RootData.RootNode = top
	f := &FS{at: at, slots: make(chan struct{}, mostCalls), count: map[string]int64{}, inodes: map[uint64]uint64{}, disk: newDisk(o.Disk)}
	f.ctx, f.end = context.WithCancelCause(ctx)
	f.SetCall(o.Call)
	if info, err := os.Stat(source); err == nil {
		f.inodes[fuse.FUSE_ROOT_ID] = inode(info)
	}
	quiet := log.New(io.Discard, "", 0)
	mount := fuse.MountOptions{FsName: source, Name: "slowfs", DirectMount: true, DirectMountFlags: unix.MS_NOSUID | unix.MS_NODEV,
		DisableReadDirPlus: true, MaxBackground: mostCalls, MaxWrite: 1 << 20, Logger: quiet}
	if o.ReadOnly {
		mount.DirectMountFlags |= unix.MS_RDONLY
		mount.Options = []string{"ro"} // for the helper, where not root mounts
	}
	server, err := fuse.NewServer(&slowRaw{fs.NewNodeFS(top, &fs.Options{Logger: quiet}), f}, at, &mount)
	if err != nil {
		f.end(errClosed)
		return nil, fmt.Errorf("mount %s: %w", at, err)
	}
	go server.Serve()
	f.closed = sync.OnceValue(func() error { return f.unmount(server) })
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("mount %s: %w", at, err), f.closed())
	}
	context.AfterFunc(f.ctx, func() { _ = f.closed() })
	return f, nil
}

// Close ends every call that waits and unmounts, also where files are still open.
func (f *FS) Close() error {
	f.end(errClosed)
	return f.closed()
}

func (f *FS) unmount(server *fuse.Server) error {
	f.end(errClosed)
	err := Unmount(f.at)
	if err != nil { // not root: the helper must do it
		err = server.Unmount()
	}
	if err == nil {
		server.Wait()
	}
	return err
}

// Unmount takes a mount of this package away, whoever serves it or has left it
// behind; calls that hang in it end with an error.
func Unmount(at string) error {
	if err := unix.Unmount(at, unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", at, err)
	}
	return nil
}

// UnmountBelow takes away every mount of this package in a folder or at it.
func UnmountBelow(folder string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) < 5 || !strings.HasPrefix(after, "fuse.slowfs ") {
			continue
		}
		at := unescape(fields[4])
		if rel, relErr := filepath.Rel(folder, at); relErr == nil && filepath.IsLocal(rel) {
			err = errors.Join(err, Unmount(at))
		}
	}
	return err
}

// unescape undoes what the kernel does to blanks in mount points.
func unescape(name string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(name)
}

// SetCall changes how much longer every call takes from now on.
func (f *FS) SetCall(d time.Duration) { f.call.Store(int64(d)) }

// Calls are the calls so far, by FUSE's names in small letters.
func (f *FS) Calls() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.count)
}

// Most is the highest number of calls that have waited or been served at once.
func (f *FS) Most() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most
}

// wait is the beginning of a call about a node. The caller must call done when it
// has answered. A call that is interrupted answers EINTR, one of a file system that
// is being unmounted ENODEV.
func (f *FS) wait(cancel <-chan struct{}, name string, node uint64, content bool) (done func(), status fuse.Status) {
	f.mu.Lock()
	f.count[name]++
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	s, ino := f.stall, f.inodes[node]
	f.mu.Unlock()
	leave := func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
	}
	if status := f.hang(cancel, s, ino, content); status != fuse.OK {
		return leave, status
	}
	select {
	case f.slots <- struct{}{}:
	case <-cancel:
		return leave, fuse.EINTR
	case <-f.ctx.Done():
		return leave, fuse.ENODEV
	}
	done = func() { <-f.slots; leave() }
	if f.line.For(f.ctx, time.Duration(f.call.Load())) != nil {
		return done, fuse.ENODEV
	}
	return done, fuse.OK
}

func inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// node is a loopback node whose contents always pass through this program.
type node struct{ *fs.LoopbackNode }

func (n *node) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	if l, ok := child.(*fs.LoopbackNode); ok {
		return &node{l}
	}
	return child
}

// file hides from the kernel that it could read the file itself.
type file struct{ *fs.LoopbackFile }

func (file) PassthroughFd() (int, bool) { return 0, false }

func hide(h fs.FileHandle) fs.FileHandle {
	if l, ok := h.(*fs.LoopbackFile); ok {
		return file{l}
	}
	return h
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags&^uint32(unix.O_DIRECT))
	return hide(h), fuseFlags, errno
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	child, h, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags&^uint32(unix.O_DIRECT), mode, out)
	return child, hide(h), fuseFlags, errno
}
