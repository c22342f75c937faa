package appliance

import (
	"runtime"

	"github.com/sledge-io/sledge/appliance/pace"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/manifest"
)

// How many files a command holds open at most, in parts. os.Root opens the folders
// on the way to a name, so that a call takes up to two descriptors more.
const (
	filesOfProcess = 24  // streams, state folder, poller, what libraries keep
	filesPerDisk   = 4   // its folder, its lock, one call under way
	filesOfSort    = 64  // runs that are merged: three levels of fanIn and some
	packsPerWorker = 3   // one is filled, one waits, one is made durable
	filesPerSource = 8   // a worker's file and folder, and those on the way
	filesOfScan    = 100 // folders that are listed and looked at ahead; no pack is open then
	filesPerReader = 16  // one worker's files of an extraction, or its pack beyond MaxOpenPacks
)

// FetchFiles is how many files of a source a load opens at most to read ahead, besides
// LoadFiles. With fewer it reads fewer at once.
const FetchFiles = 2 * pace.Most

// LoadFiles is how many files a load or a seal of a job holds open at most.
func LoadFiles(job *manifest.Job) int {
	g := job.Geometry
	shards := g.K + g.M
	worker := packsPerWorker*shards + 2*shards + filesPerSource // two calls of each disk on the way to a shard
	journals := g.M + 1 + g.Disks
	work := pack.Buffering{Geometry: g.Code()}.FitWorkers(defaultWorkers()) * worker
	return filesOfProcess + filesPerDisk*g.Disks + max(work, filesOfScan) + journals + filesOfSort
}

// ReadFiles is how many files a reader of a sealed device holds open at most, while
// so many workers read.
func ReadFiles(disks, workers int) int {
	return filesOfProcess + filesPerDisk*disks + (read.MaxOpenPacks+min(workers, read.MaxOpenPacks))*disks + filesPerReader*workers
}

// RebuildFiles is how many files a rebuild from so many disks holds open at most:
// a pack's shards, and one file of each disk, as of a journal.
func RebuildFiles(disks int) int {
	return filesOfProcess + filesPerDisk*(disks+1) + 2*disks + filesPerSource
}

// defaultWorkers is how many packs are open at once unless the caller says so.
func defaultWorkers() int { return min(8, max(1, runtime.NumCPU())) }
