package importer

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions lets pebble compact its tables once it is open, one at a time.
//
// By itself pebble begins to compact while it opens, after it has replayed a log
// into tables. If opening then fails, it closes its cache of files under that
// compaction, which divides by the cache's number of shards in a goroutine of its
// own: the process would end (pebble v2.1.7, Open, FileCache.Unref and
// fileCacheKey.Shard). Nothing of ours could catch it; so none begins before.
type compactions struct {
	mu      sync.Mutex
	db      pebble.DBForCompaction
	open    bool
	ended   bool
	running bool
	refused bool           // one was, meanwhile
	calls   sync.WaitGroup // of ours into the db
}

var _ pebble.CompactionScheduler = (*compactions)(nil)

// Register is called by pebble, holding its lock, before any other method.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister ends it: no call into the db is under way, or will be.
func (c *compactions) Unregister() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.calls.Wait()
}

// TrySchedule is called by pebble, holding its lock, before each compaction.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open || c.ended || c.running {
		c.refused = true
		return false, nil
	}
	c.running = true
	return true, c
}

// UpdateGetAllowedWithoutPermission tells that more may run at once; here never.
func (c *compactions) UpdateGetAllowedWithoutPermission() {}

// opened lets what waits begin.
func (c *compactions) opened() {
	c.mu.Lock()
	c.open = true
	c.mu.Unlock()
	c.grant()
}

// Done is called when a compaction has ended.
func (c *compactions) Done() {
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
	c.grant()
}

// grant begins the compaction that waits, if there is one.
func (c *compactions) grant() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ended && !c.running {
		c.running, c.refused = true, false
		c.calls.Add(1)
		c.mu.Unlock()
		accepted := c.db.Schedule(c)
		c.mu.Lock()
		c.calls.Done()
		if accepted {
			return
		}
		c.running = false
		if !c.refused {
			return // else one has come to wait, and was told to
		}
	}
}

// Started, MeasureCPU and CumulativeStats are for schedulers that weigh work.
func (c *compactions) Started()                                                {}
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind)               {}
func (c *compactions) CumulativeStats(stats pebble.CompactionGrantHandleStats) {}
