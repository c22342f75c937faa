package disks

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// markForeign sets aside every disk that says it belongs to another job,
// device or generation and has nothing signed that says otherwise.
func (v *Check) markForeign() {
	for _, d := range v.s.disks {
		signed := d.Checkpoint != nil && d.Checkpoint.Err == nil
		switch {
		case signed && d.Checkpoint.Identity == v.who, d.Header != nil && d.Header.Identity == v.who:
		case signed:
			v.setForeign(d, d.Checkpoint.Identity, "its checkpoint")
		case d.Header != nil:
			v.setForeign(d, d.Header.Identity, "its header")
		}
		if !d.Foreign {
			v.use = append(v.use, d)
		}
	}
}

func (v *Check) setForeign(d *disk.Seen, i wire.Identity, source string) {
	d.Foreign = true
	v.f.Add(findings.Warning, "foreign-disk", findings.OnDisk(d), "take this disk out: it is not used",
		"%s says job %s, device %s, generation %d", source, i.Job, i.Device, i.Generation)
}

// nameHeaders names headers that speak of another device on a disk that is ours.
func (v *Check) nameHeaders() {
	for _, d := range v.use {
		if d.Header == nil {
			continue
		}
		if d.Header.Identity != v.who {
			v.f.Add(findings.Repairable, "header-bad", findings.OnDisk(d), findings.HintRebuild,
				"disk.header says job %s, device %s, generation %d", d.Header.Job, d.Header.Device, d.Header.Generation)
		} else if d.Header.Bays != v.bays {
			v.f.Add(findings.Repairable, "header-bad", findings.OnDisk(d), findings.HintRebuild, "disk.header says %d bays, there are %d", d.Header.Bays, v.bays)
		}
		if d.Bay >= v.bays {
			d.Bay = -1
		}
	}
}

// placeDisks finds each disk's bay from the shards it holds, by the signed maps
// of a few packs, and names headers that say otherwise.
func (v *Check) placeDisks(sample []*wire.PackEntry) {
	for _, d := range v.use {
		votes := make([]int, wire.MaxBays)
		for _, p := range sample {
			for j, bay := range p.Bays {
				if fileExists(d, disk.ShardName(p, j)) {
					votes[bay]++
				}
			}
		}
		most := 0
		for bay, n := range votes {
			if n > votes[most] {
				most = bay
			}
		}
		if votes[most] == 0 || d.Bay >= 0 && votes[d.Bay] == votes[most] {
			continue
		}
		if d.Header != nil && d.Header.Identity == v.who {
			v.f.Add(findings.Repairable, "header-bad", findings.OnDisk(d), findings.HintRebuild,
				"disk.header says bay %d, its shards are those of bay %d", d.Header.Bay, most)
		}
		d.Bay = most
	}
}

func fileExists(d *disk.Seen, name string) bool {
	f, err := d.Fsys.Open(name)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// countBays names bays without a disk and bays with two.
func (v *Check) countBays(packs int64) {
	inBays := make([][]*disk.Seen, max(v.bays, wire.MaxBays))
	for _, d := range v.use {
		if d.Bay >= 0 {
			inBays[d.Bay] = append(inBays[d.Bay], d)
		}
	}
	var unplaced []string
	for _, d := range v.use {
		if d.Bay < 0 {
			unplaced = append(unplaced, findings.QuoteName(d.Name))
		}
	}
	v.missing = make([]bool, wire.MaxBays)
	for bay := range v.bays {
		switch disks := inBays[bay]; {
		case len(disks) == 0:
			v.missing[bay] = true
			v.nameMissing(bay, packs, unplaced)
		case len(disks) > 1:
			v.nameDuplicates(bay, disks)
		}
	}
}

func (v *Check) nameMissing(bay int, packs int64, unplaced []string) {
	if slices.Contains(v.absent, bay) {
		v.f.Add(findings.Repairable, "disk-missing", findings.InBay(bay), findings.HintRebuild, "its disk was absent at seal, as the seal statement says")
		return
	}
	text := "no disk"
	if packs == 0 {
		text = "no disk is known to be of this bay"
	}
	if len(unplaced) > 0 {
		text += fmt.Sprintf(" (of unknown bay: %s)", strings.Join(unplaced, ", "))
	}
	v.f.Add(findings.Repairable, "disk-missing", findings.InBay(bay), "connect the disk, or rebuild it onto a new one", "%s", text)
}

// nameTooFew says first why so much is lost: the disks that are not here.
func (v *Check) nameTooFew() {
	var bays []string
	for bay := range min(v.bays, len(v.missing)) {
		if v.missing[bay] {
			bays = append(bays, strconv.Itoa(bay))
		}
	}
	if v.job == nil || len(bays) <= v.job.M || !v.f.Has(findings.Lost) {
		return
	}
	v.report.TooFewDisks = !v.damaged.Load()
	are, noun, some := "are", "bays", "any"
	if len(bays) == 1 {
		are, noun = "is", "bay"
	}
	if v.job.M == 0 {
		some = "all"
	}
	v.f.Add(findings.Lost, "disks-missing", findings.Nowhere(), "connect the missing disks", "%d of %d disks %s missing: %s %s; %s %d are needed",
		len(bays), v.bays, are, noun, strings.Join(bays, ", "), some, v.bays-v.job.M)
}

// lost notes a loss in a pack: are the disks that are not here its whole cause?
// bad are the shards that are bad or not here.
func (v *Check) lost(p *wire.PackEntry, bad uint32) {
	here := 0
	for j, bay := range p.Bays {
		if bad>>j&1 == 1 && (!v.missing[bay] || p.NotWritten>>j&1 == 1) {
			here++
		}
	}
	if here > p.Geometry.M || bits.OnesCount32(bad) <= p.Geometry.M {
		v.damaged.Store(true)
	}
}

// lostList is lost for a hash list, of which the disk of any bay may bring a copy.
func (v *Check) lostList(p *wire.PackEntry) {
	for _, bay := range p.Bays {
		if v.missing[bay] {
			return
		}
	}
	v.damaged.Store(true)
}

func (v *Check) nameDuplicates(bay int, disks []*disk.Seen) {
	var names []string
	for _, d := range disks {
		names = append(names, findings.QuoteName(d.Name))
	}
	fact := "two disks claim the bay"
	first := disks[0]
	for _, d := range disks[1:] {
		if d.Header != nil && first.Header != nil && d.Header.Disk == first.Header.Disk {
			fact = "two copies of one disk"
		}
	}
	v.f.Add(findings.Warning, "duplicate-disk", findings.InBay(bay), "find out which one shipped; all are used to repair, the first is checked whole",
		"%s: %s", fact, strings.Join(names, ", "))
}
