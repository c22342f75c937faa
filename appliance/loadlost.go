package appliance

// lookBack gives the device's status after a load, and tells the report what of the
// load counts: of a skipped entry, whether an earlier version is here; of a loaded one,
// whether the disks give it back. Both are judged by what the catalog has the manifest
// hold, so a version that was loaded again is not lost.
func (d *Device) lookBack(r *LoadReport) Status {
	keep := r.keep()
	var lost uint64
	var bytes int64
	status := d.status(tallyAsk{lists: r.lists, entry: func(path string, size int64, ours, gone bool) {
		switch {
		case !gone:
			keep(path)
		case ours:
			lost++
			bytes += size
		}
	}})
	if status.Uncounted != "" && d.lacksPacks() {
		lost, bytes = r.Entries, r.Bytes
	}
	r.withoutLost(lost, bytes)
	return status
}

// withoutLost takes out of a load's report what the disks do not give back: of an entry
// that is lost nobody may read that it was loaded. Where that cannot be counted nothing
// counts as loaded.
func (r *LoadReport) withoutLost(entries uint64, bytes int64) {
	r.Lost, r.LostBytes = min(entries, r.Entries), min(bytes, r.Bytes)
	r.Entries, r.Bytes = r.Entries-r.Lost, r.Bytes-r.LostBytes
	r.Before = min(r.Before, r.Entries)
}

// lacksPacks tells whether some packs cannot be given back, as far as is known.
func (d *Device) lacksPacks() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost, doubted := d.lostPacks(false)
	return len(lost)+len(doubted) > 0
}
