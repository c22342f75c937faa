package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

// diskInFlight is how many writes of 1 MiB are under way on each file: one always
// waits while another is being written.
const diskInFlight = 3

// writeDisk writes 11 new files in a new folder at once and fsyncs them, with the
// processor time that it took this process.
func writeDisk(p *place, direct bool) (rate, cpuPerGB float64, err error) {
	dir, err := os.MkdirTemp(p.disk, "write-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	flags := os.O_CREATE | os.O_EXCL | os.O_WRONLY
	if direct {
		flags |= unix.O_DIRECT
	}
	each := max(p.bytes/writeFiles/mib, 1) * mib
	unix.Sync()
	began, cpu := time.Now(), ownCPU()
	var wg sync.WaitGroup
	errs := make([]error, writeFiles)
	for i := range writeFiles {
		wg.Go(func() { errs[i] = writeNew(filepath.Join(dir, fmt.Sprint(i)), flags, each) })
	}
	wg.Wait()
	total := float64(each * writeFiles)
	return total / 1e6 / time.Since(began).Seconds(), (ownCPU() - cpu) / (total / 1e9), errors.Join(errs...)
}

// writeNew writes one file. Room is reserved first: a write that makes a file
// longer would wait for the one before it.
func writeNew(name string, flags int, size int64) error {
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return errors.Join(err, f.Close())
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, diskInFlight)
	for i := range errs {
		wg.Go(func() {
			buf := vfs.AlignedBuffer(mib)
			for errs[i] == nil {
				at := next.Add(mib) - mib
				if at >= size {
					return
				}
				_, errs[i] = f.WriteAt(buf, at)
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, f.Sync(), f.Close())...)
}

func ownCPU() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
