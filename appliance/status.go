package appliance

import "github.com/sledge-io/sledge/manifest"

// reserve is what every disk keeps free for the seal: scratch files in which all
// records are sorted, on any one of the disks; their pages, in index packs, of which
// a disk takes a k-th part; the log, whole on each disk; a journal's next frames.
func (s *loadState) reserve(k int) int64 {
	records := s.size + int64(s.records)*48 // a sort key beside each
	pages := records + records/8 + int64(manifest.PageAlign)
	return sealReserve + 2*records + pages/int64(k)*2 + int64(s.packs)*3*4096 + pages/32
}

// Status is what is safely on the disks. Entries and bytes are those that the
// manifest would hold: no earlier versions, and no entries that could not be loaded.
type Status struct {
	Packs       uint64
	Entries     uint64 // that can be given back
	Skipped     uint64 // named in the manifest, and not on the device
	Remarked    uint64 // of the entries, those whose last look failed, or did not get all
	Lost        uint64 // were loaded, and did not read back: their source has to be loaded again
	Dropped     uint64 // earlier versions below what is no folder any more
	Bytes       int64  // content of the entries, as DataLength counts it
	BodyBytes   int64  // what packs take before coding, earlier versions included
	DeadBytes   int64  // content in packs that no entry needs; -1 while packs are to be read back
	Degraded    uint64 // packs with lost shards
	MissingBays []int
	FailedDisks []string
	FreeBytes   int64  // for content, about
	FullestDisk string // the one that limits FreeBytes
	Disks       int
	OpenFiles   int    // long files in progress
	Unfinished  int    // loads that have begun and not ended
	Uncounted   string // why entries could not be counted; they are zero then
	ReadBack    uint64 // packs whose every shard was read back from its disk and compared
	ReadAgain   []int  // bays that were written to after that: a sample of them is due
}

// Status tells what has been committed so far. It reads the journal.
func (d *Device) Status() Status { return d.status(tallyAsk{}) }

func (d *Device) status(ask tallyAsk) Status {
	var t tally
	lists, err := d.findLists()
	if err == nil {
		t, err = d.tallyWith(lists, ask)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Packs: d.state.packs, Entries: t.entries, Skipped: t.skipped, Remarked: t.remarked, Dropped: t.dropped, Lost: t.lost, Bytes: t.bytes, BodyBytes: d.state.body,
		Degraded: d.degraded(), MissingBays: d.bays.Missing(), Disks: len(d.bays), OpenFiles: len(d.state.partial)}
	s.DeadBytes = d.dead(t.live)
	if err != nil {
		s.Uncounted, s.DeadBytes = err.Error(), -1
	}
	for _, l := range lists {
		if d.left(l) {
			s.Unfinished++
		}
	}
	s.ReadBack, s.ReadAgain = d.packsRead(), d.unsettled()
	for _, err := range append(d.bays.Errors(), d.condemnations()...) {
		s.FailedDisks = append(s.FailedDisks, err.Error())
	}
	disk, free := d.fullest()
	s.FullestDisk, s.FreeBytes = disk, d.roomOf(free-d.state.reserve(d.cfg.Job.Geometry.K))
	return s
}
