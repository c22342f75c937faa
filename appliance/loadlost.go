package appliance

// lookBack gives the device's status after a load, and tells the report what of the
// load counts: of a skipped entry, whether an earlier version is here; of a loaded one,
// whether the disks give it back. The catalog judges what the manifest would hold: an
// entry that a continued load has loaded twice is one, and one that it has loaded and
// dropped since is none. One whose last look failed counts with the skipped ones.
func (d *Device) lookBack(r *LoadReport) Status {
	keep := r.keep()
	var n LoadReport
	status := d.status(tallyAsk{lists: r.lists, entry: func(e tallied) {
		if !e.lost {
			keep(e.path)
		}
		switch {
		case !e.ours:
		case e.lost:
			n.Lost++
			n.LostBytes += e.size
		case !e.failed:
			n.Entries++
			n.Bytes += e.size
			if e.seq <= r.looks {
				n.Before++
			}
		}
	}})
	switch {
	case status.Uncounted == "":
		r.Entries, r.Bytes, r.Before, r.Lost, r.LostBytes = n.Entries, n.Bytes, n.Before, n.Lost, n.LostBytes
	case d.lacksPacks(): // of an entry that is lost nobody may read that it was loaded
		r.Entries, r.Bytes, r.Before, r.Lost, r.LostBytes = 0, 0, 0, r.Entries, r.Bytes
	}
	return status
}

// lacksPacks tells whether some packs cannot be given back, as far as is known.
func (d *Device) lacksPacks() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost, doubted := d.lostPacks(false)
	return len(lost)+len(doubted) > 0
}
