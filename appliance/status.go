package appliance

// reserve is what every disk keeps free for pages, log and journal.
func (s *loadState) reserve() int64 {
	return int64(sealReserve) + int64(s.records)*512 + int64(s.packs)*8192
}

// Status is what is safely on the disks.
type Status struct {
	Packs        uint64
	Entries      uint64
	Records      uint64
	Bytes        int64
	BodyBytes    int64
	Degraded     uint64 // packs with lost shards
	MissingBays  []int
	FailedDisks  []string
	FreeBytes    int64 // for content, about
	Disks        int
	OpenFiles    int // long files in progress
	ScanLists    int
	ScansPending int    // scan lists that are not loaded whole
	ReadBack     uint64 // packs whose every shard was read back from its disk and compared
	ReadAgain    []int  // bays that were written to after that: a sample of them is due
}

// Status tells what has been committed so far.
func (d *Device) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Packs: d.state.packs, Entries: d.state.entries, Records: d.state.records, Bytes: d.state.bytes, BodyBytes: d.state.body,
		Degraded: d.state.degraded, MissingBays: d.bays.missing(), Disks: len(d.bays), OpenFiles: len(d.state.partial)}
	s.ReadBack, s.ReadAgain = d.packsRead(), d.unsettled()
	for _, err := range d.bays.errors() {
		s.FailedDisks = append(s.FailedDisks, err.Error())
	}
	low := int64(-1)
	for _, b := range d.bays.healthy() {
		if free, _, err := b.disk.FS.Free(); err == nil && (low < 0 || free < low) {
			low = free
		}
	}
	g := d.cfg.Job.Geometry
	if low -= d.state.reserve(); low > 0 {
		s.FreeBytes = low * int64(len(d.bays)) / int64(g.K+g.M) * int64(g.K)
	}
	return s
}
