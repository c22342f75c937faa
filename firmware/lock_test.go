package firmware

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// lockFolders are the folders on which the locks are tried: the system's and the double.
func lockFolders(t *testing.T) map[string]vfs.FS {
	t.Helper()
	folder, err := vfs.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vfs.Close(folder) })
	return map[string]vfs.FS{"os": folder, "mem": vfs.NewMem(vfs.MemOptions{})}
}

// TestBusyTakesNothing: a command that starts while others ask whether one is at work
// is never refused.
func TestBusyTakesNothing(t *testing.T) {
	for name, folder := range lockFolders(t) {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			stop := make(chan struct{})
			for range 3 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							Busy(folder)
						}
					}
				})
			}
			for i := range 200 {
				held, err := Lock(folder, "load")
				if err != nil {
					t.Errorf("start %d: %v", i, err)
					break
				}
				if !Busy(folder) {
					t.Errorf("start %d: a command at work is not seen", i)
				}
				held.Close()
			}
			close(stop)
			wg.Wait()
			if Busy(folder) {
				t.Error("a command that has ended is seen")
			}
		})
	}
}

// TestLockTurns: a command with work waits for who looks, and nobody looks before it;
// who looks never waits for work.
func TestLockTurns(t *testing.T) {
	for name, folder := range lockFolders(t) {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			look, err := LockBriefly(ctx, folder, "status")
			if err != nil {
				t.Fatal(err)
			}
			if Busy(folder) {
				t.Error("who looks counts as at work")
			}
			short, cancel := context.WithTimeout(ctx, 3*lockPause)
			if _, err := LockPatiently(short, folder, "load"); !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a look without end: %v", err)
			}
			cancel()
			load := make(chan io.Closer)
			go func() {
				held, err := LockPatiently(ctx, folder, "load")
				if err != nil {
					t.Errorf("load: %v", err)
				}
				load <- held
			}()
			for kind := vfs.NoLock; kind == vfs.NoLock; time.Sleep(time.Millisecond) {
				if kind, err = vfs.Locked(folder, nextName); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := LockBriefly(ctx, folder, "status"); !errors.Is(err, ErrBusy) {
				t.Errorf("a look before the command that waits: %v", err)
			}
			look.Close()
			held := <-load
			if held == nil {
				return
			}
			for _, try := range []func(context.Context, vfs.FS, string) (io.Closer, error){LockBriefly, LockPatiently} {
				if _, err := try(ctx, folder, "other"); !errors.Is(err, ErrBusy) {
					t.Errorf("beside a load: %v", err)
				}
			}
			held.Close()
			if held, err = LockBriefly(ctx, folder, "status"); err != nil {
				t.Fatal(err)
			}
			held.Close()
		})
	}
}
