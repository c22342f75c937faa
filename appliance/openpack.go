package appliance

import (
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// openPack starts a pack under a fresh id on the bays whose turn it is.
func (d *Device) openPack() (*ingest.Pack, error) {
	id, err := d.cfg.newID()
	if err != nil {
		return nil, err
	}
	sw, err := d.newStripes(id)
	if err != nil {
		return nil, err
	}
	enc, header, err := crypto.NewFloeEncryptor(crypto.DefaultFloe(), d.keys.PackKey(id), d.cfg.Scope.PackAD(id))
	if err != nil {
		sw.Abort()
		return nil, err
	}
	return ingest.NewPack(sw, enc, header, d.plains), nil
}

// newStripes chooses k+m bays, rotating over the set so that every disk holds
// data and parity alike. If fewer disks are healthy, a failed bay keeps its
// turn and the shard is lost.
func (d *Device) newStripes(id manifest.ID) (*pack.Writer, error) {
	if err := d.beginWrites(); err != nil {
		return nil, err
	}
	g := d.cfg.Job.Geometry
	n := g.K + g.M
	start := int(d.turn.Add(1)-1) % len(d.bays)
	var chosen []int
	for pass := 0; pass < 2 && len(chosen) < n; pass++ {
		for i := range d.bays {
			at := (start + i) % len(d.bays)
			b := d.bays[at]
			healthy := b.Takes()
			if healthy == (pass == 0) && len(chosen) < n {
				chosen = append(chosen, at)
			}
		}
	}
	places, numbers := make([]*disk.Bay, n), make([]byte, n)
	for i, at := range chosen {
		numbers[i] = byte(at)
		if b := d.bays[at]; b.Takes() || b != nil && b.Failed() != nil { // what failed is named if too few are left
			places[i] = b
		}
	}
	ended := d.writes.begin()
	w, err := pack.NewWriter(id, d.code, g.Code(), places, numbers, d.buffers)
	if err != nil {
		ended()
		return nil, err
	}
	w.OnEnd(ended)
	return w, nil
}
