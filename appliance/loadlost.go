package appliance

import "github.com/sledge-io/sledge/manifest"

// withoutLost takes out of a load's report what the disks do not give back: of an entry
// that is lost nobody may read that it was loaded. Where that cannot be counted nothing
// counts as loaded.
func (d *Device) withoutLost(r *LoadReport) {
	d.mu.Lock()
	lost, doubted := d.lostPacks(false)
	d.mu.Unlock()
	if len(lost)+len(doubted) == 0 || r.Entries == 0 {
		return
	}
	entries, bytes, err := d.lostOf(r.lists)
	if err != nil {
		entries, bytes = r.Entries, r.Bytes
	}
	r.Lost, r.LostBytes = min(entries, r.Entries), min(bytes, r.Bytes)
	r.Entries, r.Bytes = r.Entries-r.Lost, r.Bytes-r.LostBytes
	r.Before = min(r.Before, r.Entries)
}

// lostOf counts the entries of scan lists that cannot be given back.
func (d *Device) lostOf(lists map[manifest.ID]bool) (entries uint64, bytes int64, err error) {
	lost := d.lostContent()
	unread := uint64(0) // of the entries that the journal should have
	d.mu.Lock()
	for id := range lists {
		if st := d.state.lists[id]; st != nil {
			unread += st.good
		}
	}
	d.mu.Unlock()
	err = d.eachListed(func(list manifest.ID, b []byte) error {
		if !lists[list] {
			return nil
		}
		r, err := manifest.PeekHead(b)
		if err != nil || r.Kind == manifest.KindContinuation || r.Kind == manifest.KindSkipped {
			return err
		}
		unread--
		if lost(r) {
			entries++
			bytes += r.Size
		}
		return nil
	})
	if err == nil && unread > 0 { // no disk with a journal is left
		err = ErrTooFewDisks
	}
	return entries, bytes, err
}
