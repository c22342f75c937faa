package disks

import (
	"io/fs"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Proven is what the chain from the job signer proves of a device's manifest, for a check
// that holds something else to it.
type Proven struct {
	Who              wire.Identity
	Job              *wire.JobFile
	Size             int64     // entries of its log
	Root             string    // of its log, in base64
	Log              *log.View // nil: no disk is at hand, an acceptance says the rest
	FirstPage, Pages int64     // places of the pages' entries in the log
}

// Proven must follow Prove.
func (v *Check) Proven() Proven {
	return Proven{Who: v.who, Job: v.job, Size: v.report.LogSize, Root: v.report.Root, Log: v.log, FirstPage: v.counts.FirstPage, Pages: v.counts.Pages}
}

// Accepted is a check without disks: what it would prove is given.
func Accepted(o Options, p Proven) *Check {
	return &Check{o: o, f: findings.New(), own: &disk.Watch{}, job: p.Job, who: p.Who, report: &findings.Report{
		Origin: findings.OriginUnproven, Job: p.Who.Job.String(), Device: p.Who.Device.String(), Generation: p.Who.Generation,
		LogSize: p.Size, Root: p.Root, Findings: []findings.Finding{}}}
}

// Want chooses the device, where disks of several are given. Without it most disks win.
func (v *Check) Want(who wire.Identity) { v.wanted = who }

// Sealed tells whether some disk has a log's checkpoint, good or bad.
func (v *Check) Sealed() bool { return v.s.sawSeal }

// Has tells whether a disk has a good checkpoint of the device.
func (v *Check) Has(who wire.Identity) bool { return v.s.has(who) }

// Watched is a folder beside the disks, whose reads count to the check: an error of the
// process's own ends it. place names the folder in errors.
func (v *Check) Watched(dir fs.FS, place string) fs.FS {
	return disk.WatchedFS{FS: dir, Place: place, W: v.own}
}

// Count adds one to what the progress says is done.
func (v *Check) Count() { v.progress.Done.Add(1) }
