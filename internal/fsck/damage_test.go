package fsck

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// damageCase is a fixture: what is done to a device, and what has to be found.
type damageCase struct {
	name    string
	damage  func(t *testing.T, d *testDevice, o *Options)
	want    []want
	verdict Verdict
	exact   bool // no other classes than those of want
}

func (c damageCase) report(t *testing.T) *Report {
	d := makeDevice(t, smallPlan())
	o := d.options()
	c.damage(t, d, &o)
	return run(t, o)
}

var damageCases = []damageCase{
	{"data block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 1)
		d.flip(bay, name, 4096*2+5)
	}, []want{{"block-bad", "d1", 1, "(stripe 2)"}}, VerdictRepairable, true},
	{"parity block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 2)
		d.flip(bay, name, 4096*3)
	}, []want{{"block-bad", "d2", 2, "(stripe 3)"}}, VerdictRepairable, true},
	{"last block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(3, 0)
		d.flip(bay, name, len(d.file(bay, name).Data)-1)
	}, []want{{"block-bad", "d3", 0, "(stripe 8)"}}, VerdictRepairable, true},
	{"two blocks of a stripe", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 2 {
			bay, name := d.shard(0, j)
			d.flip(bay, name, 4096*4)
		}
	}, []want{{"stripe-lost", "", -1, "(stripe 4)"}, {"block-bad", "d0", 0, ""}, {"block-bad", "d1", 1, ""}}, VerdictLost, true},
	{"a block of every disk, in different stripes", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			bay, name := d.shard(0, j)
			d.flip(bay, name, 4096*j)
		}
	}, []want{{"block-bad", "d0", 0, "(stripe 0)"}, {"block-bad", "d1", 1, "(stripe 1)"}, {"block-bad", "d2", 2, "(stripe 2)"}}, VerdictRepairable, true},
	{"run of stripes", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		for s := 2; s < 6; s++ {
			d.flip(bay, name, 4096*s)
		}
	}, []want{{"block-bad", "d0", 0, "(stripes 2 to 5)"}}, VerdictRepairable, true},
	{"shard removed", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(1, 0)
		d.remove(bay, name)
	}, []want{{"shard-missing", "", 0, d4(1)}}, VerdictRepairable, true},
	{"shard cut short", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		f := d.file(bay, name)
		f.Data = f.Data[:len(f.Data)-4097]
	}, []want{{"shard-length", "d0", 0, "cut short"}, {"block-bad", "d0", 0, "(stripe 11)"}}, VerdictRepairable, true},
	{"shard too long", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		d.file(bay, name).Data = append(d.file(bay, name).Data, 0)
	}, []want{{"shard-length", "d0", 0, "too long"}}, VerdictRepairable, true},
	{"shards of two packs swapped", func(t *testing.T, d *testDevice, o *Options) {
		bay0, name0 := d.shard(0, 0)
		bay3, name3 := d.shard(3, 0)
		a, b := d.file(bay0, name0), d.file(bay3, name3)
		a.Data, b.Data = b.Data, a.Data
	}, []want{{"shard-misplaced", "d0", 0, "shard 0"}, {"shard-misplaced", "d3", 0, "shard 0"}, {"shard-length", "d0", 0, ""}}, VerdictRepairable, false},
	{"shard is another shard of its pack", func(t *testing.T, d *testDevice, o *Options) {
		bay0, name0 := d.shard(0, 0)
		bay2, name2 := d.shard(0, 2)
		d.file(bay0, name0).Data = d.file(bay2, name2).Data
	}, []want{{"shard-misplaced", "d0", 0, "shard 2"}, {"block-bad", "d0", 0, "(stripes 0 to 12)"}}, VerdictRepairable, true},
	{"shard on another disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		d.put(3, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"shard-elsewhere", "d3", 0, ""}}, VerdictClean, true},
	{"two shards of a pack on one disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(0, 0)
		d.put(1, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"shards-together", "d1", -1, "any 0 disks may be lost, not 1"}, {"shard-elsewhere", "d1", 0, ""}}, VerdictRepairable, true},
	{"two shards of every pack on one disk", func(t *testing.T, d *testDevice, o *Options) {
		for i := range d.packs {
			from, name := d.shard(i, 0)
			to, _ := d.shard(i, 1)
			d.put(to, name, d.file(from, name).Data)
			d.remove(from, name)
		}
	}, []want{{"shards-together", "", -1, "of 5 such packs"}, {"shard-elsewhere", "d1", 0, ""}}, VerdictRepairable, true},
	{"piece on another disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(0, 0)
		d.put(3, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"piece-elsewhere", "d3", 0, "bay 3"}}, VerdictClean, true},
	{"two pieces on one disk", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(0, 0)
		d.put(1, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, []want{{"piece-elsewhere", "d1", 0, ""}, {"shards-together", "d1", -1, "pieces of the hash list"}}, VerdictRepairable, true},
	{"hash list copy", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, d.hashes(0), 40)
	}, []want{{"hashlist-copy1-bad", "d1", -1, "signed root"}}, VerdictRepairable, true},
	{"hash list copy longer", func(t *testing.T, d *testDevice, o *Options) {
		d.file(1, d.hashes(0)).Data = append(d.file(1, d.hashes(0)).Data, 1)
	}, []want{{"hashlist-copy1-bad", "d1", -1, "bytes, not"}}, VerdictRepairable, true},
	{"all hash list copies", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.flip(bay, d.hashes(0), 40)
		}
	}, []want{{"hashlist-copy1-bad", "d0", -1, ""}, {"hashlist-copy1-bad", "d2", -1, ""}}, VerdictRepairable, true},
	{"all copies and a piece", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.flip(bay, d.hashes(0), 40)
		}
		bay, name := d.piece(0, 0)
		d.flip(bay, name, 3)
	}, []want{{"piece-bad", "d0", 0, "SHA-256"}, {"hashlist-copy1-bad", "d0", -1, ""}}, VerdictRepairable, true},
	{"hash list in no copy whole", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.flip(bay, d.hashes(0), 40+100*bay)
			_, name := d.piece(0, bay)
			d.flip(bay, name, 3)
		}
	}, []want{{"hashlist-mended", "", -1, ""}}, VerdictRepairable, false},
	{"hash list nowhere", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			d.remove(j, d.hashes(0))
			_, name := d.piece(0, j)
			d.remove(j, name)
		}
	}, []want{{"hashlist-mended", "", -1, ""}}, VerdictRepairable, false},
	{"hash list nowhere and a block bad", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			d.remove(j, d.hashes(0))
			_, name := d.piece(0, j)
			d.remove(j, name)
		}
		bay, name := d.shard(0, 0)
		d.flip(bay, name, 0)
	}, []want{{"hashlist-lost", "", -1, ""}}, VerdictLost, false},
	{"piece", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(2, 1)
		d.flip(bay, name, 0)
	}, []want{{"piece-bad", "d3", 1, ""}}, VerdictRepairable, true},
	{"piece removed", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.piece(2, 1)
		d.remove(bay, name)
	}, []want{{"piece-missing", "", 1, ""}}, VerdictRepairable, true},
	{"header", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(2, "disk.header", 30)
	}, []want{{"header-bad", "d2", -1, "CRC"}}, VerdictRepairable, true},
	{"header of a newer version", func(t *testing.T, d *testDevice, o *Options) {
		d.file(2, "disk.header").Data[8] = wire.FormatVersion + 1
	}, []want{{"header-bad", "d2", -1, "version 2"}}, VerdictRepairable, true},
	{"header of another bay", func(t *testing.T, d *testDevice, o *Options) {
		d.put(2, "disk.header", d.header(0, d.who))
	}, []want{{"header-bad", "d2", -1, "says bay 0, its shards are those of bay 2"}}, VerdictRepairable, true},
	{"header of another device", func(t *testing.T, d *testDevice, o *Options) {
		other := d.who
		other.Device[0] ^= 1
		d.put(2, "disk.header", d.header(2, other))
	}, []want{{"header-bad", "d2", -1, "disk.header says job"}}, VerdictRepairable, true},
	{"no headers, disks shuffled", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "disk.header")
		}
		o.Disks[0], o.Disks[3], o.Disks[1] = o.Disks[3], o.Disks[1], o.Disks[0]
	}, []want{{"header-bad", "d0", -1, ""}, {"header-bad", "d3", -1, ""}}, VerdictRepairable, true},
	{"job file copy", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "job.dsse", 200)
	}, []want{{"job-copy-other", "d1", -1, ""}}, VerdictRepairable, true},
	{"job file missing on one", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(1, "job.dsse")
	}, []want{{"job-copy-bad", "d1", -1, ""}}, VerdictRepairable, true},
	{"job file missing on all", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "job.dsse")
		}
	}, []want{{"job-lost", "", -1, "no disk has one that can be read"}}, VerdictRefused, true},
	{"job file altered on all", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.flip(bay, "job.dsse", len(d.file(bay, "job.dsse").Data)/2+8*bay)
		}
	}, []want{{"job-untrusted", "", -1, "nor is any other of the 4 different copies good"}}, VerdictRefused, true},
	{"wrap", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "wraps/"+d.wrapName+".wrap", 100)
	}, []want{{"wrap-bad", "d1", -1, "SHA-256"}}, VerdictRepairable, true},
	{"wrap removed", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(1, "wraps/"+d.wrapName+".wrap")
	}, []want{{"wrap-missing", "d1", -1, ""}}, VerdictRepairable, true},
	{"wrap removed everywhere", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "wraps/"+d.wrapName+".wrap")
		}
	}, []want{{"wrap-lost", "", -1, ""}}, VerdictLost, false},
	{"unlock wrap left", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "wraps/unlock", []byte("x"))
	}, []want{{"leftover", "d3", -1, "wraps/unlock"}}, VerdictClean, true},
	{"a copy of the unlock wrap left", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "wraps/unlock.0.tmp", d.unlockWrap())
	}, []want{{"leftover", "d3", -1, "a copy of it"}, {"unknown-file", "", -1, ""}}, VerdictClean, true},
	{"journal left", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "journal/x", []byte("x"))
	}, []want{{"leftover", "d3", -1, "journal"}}, VerdictClean, true},
	{"unknown files", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "notes.txt", []byte("x"))
		d.put(3, "packs/zz", []byte("x"))
		d.put(2, "log/tile/0/001.p/7", []byte("x"))
		d.put(2, "wraps/other", []byte("x"))
	}, []want{{"unknown-file", "d3", -1, ""}, {"unknown-file", "d2", -1, "not in the log"}, {"unknown-file", "d2", -1, "log/tile/0/001.p/7"}}, VerdictClean, true},
	{"unknown pack", func(t *testing.T, d *testDevice, o *Options) {
		d.put(3, "packs/00/00112233445566778899aabbccddeeff.00.shard", []byte("x"))
	}, []want{{"unknown-pack", "d3", -1, ""}}, VerdictClean, true},
	{"seal statement", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "statements/seal.dsse", 300)
	}, []want{{"statement-copy-bad", "d1", -1, ""}}, VerdictRepairable, true},
	{"no seal statement", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.remove(bay, "statements/seal.dsse")
		}
	}, []want{{"statement-missing", "", -1, ""}}, VerdictRepairable, false},
	{"checkpoint copy corrupt", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, "log/checkpoint", 10)
	}, []want{{"checkpoint-copy-bad", "d1", -1, ""}}, VerdictRepairable, true},
	{"checkpoint copy missing", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(1, "log/checkpoint")
	}, []want{{"checkpoint-copy-missing", "d1", -1, ""}}, VerdictRepairable, true},
	{"checkpoint of an older generation", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[:3])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, strings.TrimSuffix(d.origin(), "1")+"7", 3, root))
	}, []want{{"checkpoint-copy-other", "d1", -1, "/7"}}, VerdictRepairable, true},
	{"older checkpoint that fits", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[:3])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 3, root))
	}, []want{{"checkpoint-copy-other", "d1", -1, "3 entries"}}, VerdictRepairable, true},
	{"older checkpoint that does not fit", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[1:4])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 3, root))
	}, []want{{"checkpoint-fork", "d1", -1, ""}}, VerdictRefused, true},
	{"checkpoint of an empty log", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(nil)
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 0, root))
	}, []want{{"checkpoint-copy-other", "d1", -1, "0 entries"}}, VerdictRepairable, true},
	{"checkpoint of an empty log that does not fit", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries[:1])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), 0, root))
	}, []want{{"checkpoint-fork", "d1", -1, ""}}, VerdictRefused, true},
	{"two checkpoints of one size", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(append(d.entries[:3:3], d.entries[3:]...)[1:])
		d.put(1, "log/checkpoint", signNote(t, d.deviceKey, d.origin(), len(d.entries), root))
	}, []want{{"checkpoint-fork", "d1", -1, ""}}, VerdictRefused, true},
	{"checkpoint by another key", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.putAll("log/checkpoint", signNote(t, d.jobKey, d.origin(), len(d.entries), root))
	}, []want{{"checkpoint-untrusted", "d0", -1, ""}}, VerdictRefused, false},
	{"tile", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, log.TilePath("0", 0, len(d.entries)), 40)
	}, []want{{"log-copy-bad", "d1", -1, "log/tile/0/000.p"}}, VerdictRepairable, true},
	{"tile on all disks", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.flip(bay, log.TilePath("0", 0, len(d.entries)), 40)
		}
	}, []want{{"log-copy-bad", "d0", -1, "log/tile/0/000.p"}, {"log-copy-bad", "d3", -1, ""}}, VerdictRepairable, true},
	{"entry bundle", func(t *testing.T, d *testDevice, o *Options) {
		d.flip(1, log.TilePath("entries", 0, len(d.entries)), 40)
	}, []want{{"log-copy-bad", "d1", -1, "log/tile/entries"}}, VerdictRepairable, true},
	{"bundles bad in different entries", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			at := 2
			for range bay {
				at += 2 + len(d.entries[bay])
			}
			d.flip(bay, log.TilePath("entries", 0, len(d.entries)), 10+40*bay*bay*bay)
		}
	}, []want{{"log-copy-bad", "d0", -1, "entries"}, {"log-copy-bad", "d3", -1, "entries"}}, VerdictRepairable, true},
	{"one entry bad everywhere", func(t *testing.T, d *testDevice, o *Options) {
		for bay := range d.fs {
			d.flip(bay, log.TilePath("entries", 0, len(d.entries)), 10)
		}
	}, []want{{"log-lost", "", -1, ""}}, VerdictRefused, false},
	{"other log under the old checkpoint", func(t *testing.T, d *testDevice, o *Options) {
		changed := append([][]byte{}, d.entries...)
		changed[2] = append(bytes.Clone(changed[2][:len(changed[2])-1]), changed[2][len(changed[2])-1]^1)
		files, _ := logFiles(changed)
		for name, b := range files {
			d.putAll(name, b)
		}
	}, []want{{"log-lost", "", -1, ""}}, VerdictRefused, false},
	{"page block", func(t *testing.T, d *testDevice, o *Options) {
		bay, name := d.shard(4, 0)
		d.flip(bay, name, 100)
	}, []want{{"block-bad", "d1", 0, "index pack"}}, VerdictRepairable, true},
	{"page lost", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 2 {
			bay, name := d.shard(4, j)
			d.flip(bay, name, 100)
		}
	}, []want{{"page-lost", "", -1, "page 0"}, {"stripe-lost", "", -1, ""}}, VerdictLost, false},
	{"foreign disk", func(t *testing.T, d *testDevice, o *Options) {
		p := smallPlan()
		p.seed = 99
		o.Disks = append(o.Disks, Disk{Name: "stranger", FS: makeDevice(t, p).fs[1]})
	}, []want{{"foreign-disk", "stranger", -1, ""}}, VerdictClean, true},
	{"foreign disk in place of ours", func(t *testing.T, d *testDevice, o *Options) {
		p := smallPlan()
		p.seed = 99
		o.Disks[1].FS = makeDevice(t, p).fs[1]
	}, []want{{"foreign-disk", "d1", -1, ""}, {"disk-missing", "", -1, "bay 1"}}, VerdictRepairable, true},
	{"duplicate disk", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks = append(o.Disks, Disk{Name: "copy", FS: d.fs[1]})
	}, []want{{"duplicate-disk", "", -1, "two copies of one disk: d1, copy"}}, VerdictClean, true},
	{"duplicate disk repairs the other", func(t *testing.T, d *testDevice, o *Options) {
		second := fstest.MapFS{}
		for name, f := range d.fs[1] {
			second[name] = &fstest.MapFile{Data: bytes.Clone(f.Data), Mode: f.Mode}
		}
		o.Disks = append(o.Disks, Disk{Name: "copy", FS: second})
		bay, name := d.shard(0, 1)
		d.flip(bay, name, 0)
		bay, name = d.shard(0, 0)
		d.flip(bay, name, 0)
	}, []want{{"duplicate-disk", "", -1, ""}, {"block-bad", "d1", 1, ""}, {"block-bad", "d0", 0, ""}}, VerdictRepairable, true},
	{"label of a later state", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(append(d.entries[:len(d.entries):len(d.entries)], []byte("more")))
		old := d.checkpoint
		d.checkpoint = signNote(t, d.deviceKey, d.origin(), len(d.entries)+1, root)
		o.Label = d.label()
		d.checkpoint = old
	}, []want{{"label-differs", "", -1, "entries, root"}}, VerdictRefused, true},
	{"label of a later generation", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = bytes.Replace(o.Label, []byte("generation 1"), []byte("generation 2"), 1)
	}, []want{{"label-differs", "", -1, "generation 2"}}, VerdictRefused, true},
	{"label with another job file", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = bytes.Replace(o.Label, []byte(wire.Sha256Hex(d.job)), []byte(wire.Sha256Hex(nil)), 1)
	}, []want{{"label-differs", "", -1, "job file"}}, VerdictRefused, true},
	{"label with other ends of lines", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = bytes.ReplaceAll(o.Label, []byte("\n"), []byte("\r\n"))
	}, nil, VerdictClean, true},
	{"label malformed", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = o.Label[1:]
	}, []want{{"label-bad", "", -1, ""}}, VerdictRefused, true},
	{"no label", func(t *testing.T, d *testDevice, o *Options) {
		o.Label = nil
	}, []want{{"label-not-given", "", -1, ""}}, VerdictClean, true},
	{"job signed by another key", func(t *testing.T, d *testDevice, o *Options) {
		o.Trust = &Trust{Key: public(d.importerKey)}
	}, []want{{"job-untrusted", "", -1, "job.dsse: its signature does not verify with the key given by --trust (file claims signer sha256:"}}, VerdictRefused, true},
	{"fingerprint of another key", func(t *testing.T, d *testDevice, o *Options) {
		o.Trust = &Trust{Fingerprint: Fingerprint(public(d.importerKey))}
	}, []want{{"job-untrusted", "", -1, "file claims signer sha256:"}}, VerdictRefused, true},
	{"a folder that is no disk", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks = append(o.Disks, Disk{Name: "holiday", FS: fstest.MapFS{"photos/1.jpg": {}}})
	}, []want{{"not-a-sledge-disk", "holiday", -1, "holiday: no sledge folder: not a disk of this device; take it out"}}, VerdictClean, true},
	{"a folder that is no disk in place of ours", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks[1].FS = fstest.MapFS{}
	}, []want{{"not-a-sledge-disk", "d1", -1, ""}, {"disk-missing", "", -1, "bay 1"}}, VerdictRepairable, true},
	{"header of more bays", func(t *testing.T, d *testDevice, o *Options) {
		d.disks++
		d.put(2, "disk.header", d.header(2, d.who))
	}, []want{{"header-bad", "d2", -1, "says 5 bays, there are 4"}}, VerdictRepairable, true},
	{"the log's job file by another signer", func(t *testing.T, d *testDevice, o *Options) {
		d.jobKey = d.importerKey
		d.put(3, "job.dsse", d.makeJob(t))
		o.Trust = &Trust{Key: public(d.jobKey)}
	}, []want{{"job-untrusted", "", -1, "signature"}}, VerdictRefused, true},
	{"another job file on all", func(t *testing.T, d *testDevice, o *Options) {
		d.moreKeyIDs = true
		d.putAll("job.dsse", d.makeJob(t))
	}, []want{{"job-lost", "", -1, "that the log names"}}, VerdictRefused, true},
	{"no checkpoint and a bad job file", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.putAll("log/checkpoint", signNote(t, d.jobKey, d.origin(), len(d.entries), root))
		d.flip(1, "job.dsse", 200)
	}, []want{{"job-untrusted", "d1", -1, ""}, {"checkpoint-untrusted", "d0", -1, ""}}, VerdictRefused, true},
	{"label with another generation's checkpoint", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.checkpoint = signNote(t, d.deviceKey, strings.TrimSuffix(d.origin(), "1")+"2", len(d.entries), root)
		o.Label = d.label()
	}, []want{{"label-bad", "", -1, ""}}, VerdictRefused, true},
	{"label signed by another key", func(t *testing.T, d *testDevice, o *Options) {
		_, root := logFiles(d.entries)
		d.checkpoint = signNote(t, d.jobKey, d.origin(), len(d.entries), root)
		o.Label = d.label()
	}, []want{{"label-bad", "", -1, "signature"}}, VerdictRefused, true},
	{"pages without a hash list", func(t *testing.T, d *testDevice, o *Options) {
		for j := range 3 {
			bay, name := d.piece(4, j)
			d.remove(bay, name)
			d.remove(bay, d.hashes(4))
		}
		bay, name := d.shard(4, 0)
		d.flip(bay, name, 0)
	}, []want{{"page-lost", "", -1, "hash list is lost"}, {"hashlist-lost", "", -1, ""}}, VerdictLost, false},
	{"a file in the place of the wraps", func(t *testing.T, d *testDevice, o *Options) {
		d.remove(3, "wraps/"+d.wrapName+".wrap")
		d.put(3, "wraps", nil)
	}, []want{{"wrap-bad", "d3", -1, ""}}, VerdictRepairable, false},
	{"only folders that are no disks", func(t *testing.T, d *testDevice, o *Options) {
		o.Disks = []Disk{{Name: "a", FS: fstest.MapFS{}}, {Name: "b", FS: fstest.MapFS{"sledge": {}}}}
	}, []want{{"not-a-sledge-disk", "b", -1, ""}, {"identity-unknown", "", -1, ""}}, VerdictRefused, true},
}

func TestDamage(t *testing.T) {
	for _, c := range damageCases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Verdict != c.verdict {
				t.Errorf("verdict is not %v: %s", c.verdict, show(r))
			}
			classes := map[string]bool{}
			for _, w := range c.want {
				classes[w.class] = true
				if !w.in(r) {
					t.Errorf("no finding %+v: %s", w, show(r))
				}
			}
			for _, f := range r.Findings {
				if c.exact && !classes[f.Class] {
					t.Errorf("finding %q was not expected: %s", f.Class, f.Text)
				}
			}
		})
	}
}

func d4(bay int) string { return fmt.Sprintf("bay %d", bay) }

// sealSaying gives every disk a seal statement with further names.
func sealSaying(more map[string]any) func(*testing.T, *testDevice, *Options) {
	return func(t *testing.T, d *testDevice, _ *Options) {
		d.putAll("statements/seal.dsse", d.sealStatement(t, more))
	}
}

// flipLast damages the last block of a shard of pack 0.
func flipLast(shard int) func(*testing.T, *testDevice, *Options) {
	return func(t *testing.T, d *testDevice, _ *Options) {
		bay, name := d.shard(0, shard)
		d.flip(bay, name, len(d.file(bay, name).Data)-1)
	}
}

func TestOriginNotProven(t *testing.T) {
	d := makeDevice(t, smallPlan())
	o := d.options()
	o.Trust = nil
	if r := run(t, o); r.Origin != OriginUnproven || r.Verdict != VerdictClean {
		t.Errorf("%s %s", r.Origin, show(r))
	}
	o.Trust = &Trust{Fingerprint: Fingerprint(public(d.jobKey))}
	if r := run(t, o); r.Origin != OriginProven || r.Verdict != VerdictClean {
		t.Errorf("%s %s", r.Origin, show(r))
	}
}

func TestLargeLogDamage(t *testing.T) {
	p := smallPlan()
	p.events = 800
	for name, damage := range map[string]func(*testDevice){
		"top tile everywhere":  func(d *testDevice) { d.each(log.TilePath("1", 0, 3), 5) },
		"full tile everywhere": func(d *testDevice) { d.each(log.TilePath("0", 1, 256), 5) },
		"full bundle on one":   func(d *testDevice) { d.flip(2, log.TilePath("entries", 1, 256), 5) },
		"all tiles on all disks": func(d *testDevice) {
			for n := range int64(3) {
				d.each(log.TilePath("0", n, 256), 9)
			}
			d.each(log.TilePath("1", 0, 3), 9)
			d.each(log.TilePath("0", 3, len(d.entries)-768), 9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := makeDevice(t, p)
			damage(d)
			r := run(t, d.options())
			if r.Verdict != VerdictRepairable || !r.Has("log-copy-bad") {
				t.Error(show(r))
			}
		})
	}
}

func TestCancel(t *testing.T) {
	d := makeDevice(t, smallPlan())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Disks(ctx, d.options()); err == nil {
		t.Error("no error after cancel")
	}
}
