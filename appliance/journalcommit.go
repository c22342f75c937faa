package appliance

import (
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/manifest"
)

// endJournal closes the session's file with a frame that says so. Without it
// nothing is lost, so its errors are only those of the disks.
func (d *Device) endJournal() error {
	if d.journal == nil {
		return nil
	}
	j := d.journal
	if d.broken == nil {
		j.Finish()
	}
	d.files, d.sizes[j.ID] = append(d.files, j.File()), max(j.Acked, frames.HeaderSize)
	d.journal = nil
	return j.Close()
}

// commit makes one frame durable: the pack's entry in clear, signed, and the
// records that end with it. Packs get their numbers here, in the journal's order.
func (d *Device) commit(p *ingest.Pack, entry *manifest.Pack, b *ingest.Batch, list manifest.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var clear []byte
	if entry != nil {
		entry.Number = d.state.packs
		p.Number = entry.Number
		var err error
		if clear, err = journal.SignPack(entry, d.cfg.Scope, d.cfg.Key); err != nil {
			return err
		}
	}
	m, err := b.Message(list, d.state.staged.Has)
	if err != nil {
		return err
	}
	if err := d.roomForRecords(m); err != nil {
		return err
	}
	m.Reads = d.unsaved.Take()
	if err := d.appendFrame(clear, m); err != nil {
		return err
	}
	if entry != nil {
		d.state.addPack(entry)
		d.readBehind(entry, p.CRCs)
	}
	return d.state.add(m)
}

// commitTaken makes what doors took durable.
func (d *Device) commitTaken(m *journal.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.roomForRecords(m); err != nil {
		return err
	}
	m.Reads = d.unsaved.Take()
	if err := d.appendFrame(nil, m); err != nil {
		return err
	}
	return d.state.add(m)
}

// appendFrame writes to the session's journal file, which the first frame creates.
func (d *Device) appendFrame(clear []byte, m *journal.Message) error {
	if d.broken != nil {
		return d.broken
	}
	err := d.appendNow(clear, m)
	if err == nil && len(d.bays.Missing()) != d.lost {
		err = d.keepCopies()
	}
	d.broken = err
	return err
}

// keepCopies brings the journal files of earlier sessions back to m+1 copies after
// a disk has failed.
func (d *Device) keepCopies() error {
	lost := len(d.bays.Missing()) // a disk that fails meanwhile is the next call's
	for _, c := range d.files {
		if err := d.frames().Mend(c, d.sizes[c.ID]); err != nil {
			return err
		}
	}
	d.lost = lost
	return nil
}

func (d *Device) appendNow(clear []byte, m *journal.Message) error {
	if d.journal == nil {
		f, err := d.newFrameFile(frames.Journal, d.ordinal)
		if err != nil {
			return err
		}
		d.journal = f
		d.ordinal++
	}
	return d.journal.Append(clear, m.Encode(), true)
}

// event journals a public remark that the log will carry.
func (d *Device) event(what, text string, bay int) error {
	events, err := journal.EncodeEvents(d.cfg.Now(), manifest.Event{What: what, Text: words.UTF8(text), Bay: bay})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := &journal.Message{Events: events}
	if err := d.appendFrame(nil, m); err != nil {
		return err
	}
	return d.state.add(m)
}
