package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

// fileLimit is how many files this process may open. The Go runtime has raised the
// soft limit to the hard one when it started (TestFileLimitIsRaised).
func fileLimit() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 1 << 30 // not known: whoever runs out says so
	}
	return int(min(l.Cur, 1<<30))
}

// needFiles refuses work that would run out of file descriptors on its way.
func needFiles(what string, n int) error {
	limit := fileLimit()
	if n <= limit {
		return nil
	}
	return hint(fmt.Errorf("%w: %s opens up to %d here, the limit is %d; nothing was done", errFewFiles, what, n, limit),
		"let this process open more, then run the same command again: ulimit -n %d (as root, or in /etc/security/limits.conf; in a systemd unit LimitNOFILE=%[1]d)", max(n, 4096))
}

// sourceFiles is how many files of its source a load of the job may open besides to read
// ahead, at least one: with fewer it reads fewer at once.
func sourceFiles(job *manifest.Job) int {
	return max(1, min(appliance.FetchFiles, fileLimit()-appliance.LoadFiles(job)))
}

// fsckWorkers is how many packs the verifier checks at once: one a core, or fewer
// where the limit of open files asks for it.
func fsckWorkers(disks int) (int, error) {
	workers := runtime.GOMAXPROCS(0)
	for workers > 1 && fsck.OpenFiles(disks, workers) > fileLimit() {
		workers--
	}
	return workers, needFiles("the verifier", fsck.OpenFiles(disks, workers))
}

// importFiles is how many files and connections an import holds open at most: the
// readers', those of the requests under way, and the state folder's.
func importFiles(f *importFlags, disks ...int) int {
	const ofState, large = 128, 64 // large: connections for large payloads
	n := ofState + min(large+max(f.concurrency, 256), 4*max(f.concurrency, 1))
	for _, d := range disks {
		n += appliance.ReadFiles(d, 1)
	}
	return n
}

// needFiles refuses an import that would run out of file descriptors. Where nobody has said how
// many objects may be at once, they are as few as the limit asks for.
func (f *importFlags) needFiles(disks ...int) error {
	given := f.concurrency != importer.DefaultConcurrency
	for !given && f.concurrency > 16 && importFiles(f, disks...) > fileLimit() {
		f.concurrency /= 2
	}
	return needFiles("this command", importFiles(f, disks...))
}
