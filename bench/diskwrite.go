package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

// diskInFlight is how many writes of 1 MiB are under way on each file: one always
// waits while another is being written.
const diskInFlight = 3

// benchDisk writes 11 new files in a new folder at once and fsyncs them, with the
// processor time that it took this process.
func benchDisk(b *testing.B, p *place, flags int) {
	flags |= os.O_CREATE | os.O_EXCL | os.O_WRONLY
	each := max(p.bytes/writeFiles/mib, 1) * mib
	b.SetBytes(each * writeFiles)
	b.StopTimer()
	cpu := 0.0
	for range b.N {
		dir := p.folder(b, p.disk)
		unix.Sync()
		began, errs := ownCPU(), make([]error, writeFiles)
		b.StartTimer()
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = writeNew(filepath.Join(dir, fmt.Sprint(i)), flags, each) })
		}
		wg.Wait()
		b.StopTimer()
		cpu += ownCPU() - began
		p.check(b, append(errs, os.RemoveAll(dir))...)
	}
	b.ReportMetric(cpu/(float64(b.N)*float64(each*writeFiles)/1e9), cpuPerGB)
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
