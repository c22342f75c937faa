package appliance

import (
	"bytes"
	"context"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/staging"
	"github.com/sledge-io/sledge/manifest"
)

// OpenDoor opens the door of the device. Nothing else is called on the device until the
// door is closed, whose end reads back what was written.
func (d *Device) OpenDoor(ctx context.Context) (*ingest.Door, error) {
	if err := CheckExpiry(d.cfg); err != nil {
		return nil, err
	}
	names, err := d.names(ctx)
	if err != nil {
		return nil, err
	}
	d.noReadBehind = false
	way := doorway{writable{d}}
	d.start(way.Lanes() + 1)
	return ingest.Open(way, names), nil
}

// names are those of the manifest to be.
func (d *Device) names(ctx context.Context) (*ingest.Names, error) {
	names := ingest.NewNames()
	lists, err := d.findLists()
	if err != nil || len(d.state.lists) == 0 {
		return names, err
	}
	looks, done, err := d.looks(ctx, lists, func(b []byte, list manifest.ID, r *manifest.Record, _ bool) []byte {
		return append(b, byte(r.Kind), flagByte(list == journal.Doors))
	})
	if err != nil {
		return nil, err
	}
	defer done()
	return names, catalog.Resolve(looks, catalog.Visit{Entry: func(e *catalog.Entry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return names.Add(manifest.Kind(e.Value[0]), strings.TrimSuffix(e.Key, "/"), e.Value[1] == 1)
	}})
}

func flagByte(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// doorway is a device as its door sees it.
type doorway struct{ writable }

func (w doorway) CommitTaken(m *journal.Message) error { return w.d.commitTaken(m) }
func (w doorway) HashWhole() bool                      { return w.d.cfg.Job.Policy.FileDigest == "whole" }

// Lanes leaves one of the packs that memory is for to what moves.
func (w doorway) Lanes() int { return max(1, w.d.cfg.Workers-1) }

func (w doorway) Staged() []*staging.Entry {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.state.staged.All()
}

func (w doorway) StagedBytes() int64 {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.state.staged.Bytes()
}

func (w doorway) Cursor(source manifest.ID) []byte {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return bytes.Clone(w.d.state.cursors[source])
}

// End reads back what the door's packs hold, as the end of a load does.
func (w doorway) End(ctx context.Context) error {
	d := w.d
	failed := len(d.bays.Errors())
	err := d.endReadBack(ctx, func(int64, int64) {})
	d.stop()
	if len(d.bays.Errors()) > failed {
		d.failures()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if cerr := d.endJournal(); err == nil {
		err = cerr
	}
	return err
}

// moveStaged moves what a door has left in the journal into packs: a seal finds it there,
// and a load does not take its room.
func (d *Device) moveStaged() error {
	if d.state.staged.Len() == 0 {
		return nil
	}
	d.start(1)
	defer d.stop()
	return ingest.Move(writable{d}, d.state.staged.All())
}

// eachStaged calls f for the records of what is staged.
func (d *Device) eachStaged(f func(record []byte) error) error {
	d.mu.Lock()
	staged := d.state.staged.All()
	d.mu.Unlock()
	for _, e := range staged {
		records, err := journal.EncodeTaken(e.Record)
		if err != nil {
			return err
		}
		for _, b := range records {
			if err := f(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// sources is how many have brought records. The doors count as several: their paths
// occur again.
func (s *loadState) sources() int {
	n := len(s.lists)
	if s.lists[journal.Doors] != nil {
		n++
	}
	return n
}

func (s *loadState) addTaken(taken []journal.Taken) error {
	for i := range taken {
		t := &taken[i]
		s.list(journal.Doors)
		if t.Withdrawn != "" {
			s.entries++
			s.staged.Withdraw(t.Withdrawn)
			continue
		}
		r, err := t.Of()
		if err != nil {
			return err
		}
		records, size := sizeOfTaken(t)
		s.records, s.size = s.records+records, s.size+size
		s.staged.Put(&staging.Entry{Record: *r, Body: t.Body, Parts: t.Parts})
	}
	return nil
}

// sizeOfTaken is what an entry's records take.
func sizeOfTaken(t *journal.Taken) (records uint64, size int64) {
	for _, b := range t.Record {
		size += int64(len(b))
	}
	return uint64(len(t.Record)), size
}
