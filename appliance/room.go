package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
)

// reserve gives the number of bytes that a new pack may take: the policy's size,
// or less where a disk is nearly full. Room for the seal is kept back, and what
// the other open packs may still take: their reservation counts whole until they
// are committed. A pack that finds no room waits for them.
func (d *Device) reserve() (int64, error) {
	d.roomMu.Lock()
	defer d.roomMu.Unlock()
	if d.room.L == nil {
		d.room.L = &d.roomMu
	}
	for {
		limit := d.packLimit()
		if limit >= minPackRoom {
			limit = min(limit, d.cfg.Job.Policy.PackSize)
			d.reserved += limit
			d.packs++
			return limit, nil
		}
		if d.packs == 0 {
			return 0, fmt.Errorf("%w: free disk space is down to what the seal needs", disk.ErrFull)
		}
		d.room.Wait()
	}
}

// release gives a reservation back.
func (d *Device) release(n int64) {
	d.roomMu.Lock()
	defer d.roomMu.Unlock()
	d.reserved -= n
	d.packs--
	if d.room.L != nil {
		d.room.Broadcast()
	}
}

// packLimit is the body bytes that one more pack could take; the caller holds roomMu.
// A disk's share of a body is its k-th part and what hash list and piece add.
func (d *Device) packLimit() int64 {
	g := d.cfg.Job.Geometry
	stripe := int64(g.K) * int64(g.BlockSize)
	list := int64(32*g.K+8*g.M) * 2
	d.mu.Lock()
	keep := d.state.reserve(g.K)
	d.mu.Unlock()
	limit := int64(1) << 50
	for _, b := range d.bays.Healthy() {
		free, _, err := b.Disk.FS.Free()
		if err != nil {
			continue
		}
		// body·(block + list) / stripe must fit
		limit = min(limit, max(0, free-keep)/(int64(g.BlockSize)+list)*stripe)
	}
	limit -= d.reserved
	if others := d.cfg.Workers - d.packs; others > 1 && limit/int64(others) >= minPackRoom {
		limit /= int64(others)
	}
	return limit - packSlack
}

// roomForRecords is ErrFull where the records of a frame would take what the seal
// needs for those that are committed. The caller holds mu.
func (d *Device) roomForRecords(m *journal.Message) error {
	if len(m.Records)+len(m.Taken) == 0 {
		return nil
	}
	after := d.state
	after.records += uint64(len(m.Records))
	frame := int64(len(m.Partial)) + frames.FrameHead
	if len(m.Taken) > 0 { // what is staged moves into a pack
		frame += d.state.staged.Bytes() + minPackRoom + 2*packSlack
	}
	for _, t := range m.Taken {
		records, size := sizeOfTaken(&t)
		after.records, after.size = after.records+records, after.size+size
		frame += 2 * (size + int64(len(t.Body)))
	}
	for _, b := range m.Records {
		after.size += int64(len(b))
		frame += int64(len(b)) + 4
	}
	need := after.reserve(d.cfg.Job.Geometry.K) + frame
	for _, b := range d.bays.Healthy() {
		if free, _, err := b.Disk.FS.Free(); err == nil && free < need {
			return fmt.Errorf("%w: disk %s has %d bytes free, the records that are committed need %d for the seal", disk.ErrFull, b.Disk.Name, free, need)
		}
	}
	return nil
}

// roomForFile is about what files may still take together. Packs rotate over the bays,
// so the fullest disk is the limit of all.
func (d *Device) roomForFile() int64 {
	d.mu.Lock()
	keep := d.state.reserve(d.cfg.Job.Geometry.K)
	d.mu.Unlock()
	return d.fileRoom(keep)
}

// fileRoom is roomForFile with so much of every disk kept back.
func (d *Device) fileRoom(keep int64) int64 {
	_, least := d.fullest()
	return d.roomOf(least - keep)
}

// fullest is the healthy disk with the least room, and what is free on it.
func (d *Device) fullest() (disk string, free int64) {
	for _, b := range d.bays.Healthy() {
		if n, _, err := b.Disk.FS.Free(); err == nil && (disk == "" || n < free) {
			disk, free = b.Disk.Name, n
		}
	}
	return disk, free
}

// roomOf is what files may take where the fullest disk has so much for them.
func (d *Device) roomOf(least int64) int64 {
	g := d.cfg.Job.Geometry
	block, list := int64(g.BlockSize), int64(32*g.K+8*g.M)*2
	return max(0, least) / (block + list) * block * int64(len(d.bays)) / int64(g.K+g.M) * int64(g.K)
}

const (
	sealReserve = 16 << 20 // the least that is kept; see loadState.reserve
	minPackRoom = 1 << 20
	packSlack   = 2 << 20 // a pack's last chunk and segment may go over its limit
)
