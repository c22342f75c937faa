package fsck

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"hash/crc64"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// journalText is a journal file's beginning.
func (d *testDevice) journalText(ordinal uint64) (name string, b []byte) {
	file := wire.ID(random(d.rng, 16))
	if d.named > 0 {
		file[0] = d.named
	}
	b = append([]byte("SLEDGEJL"), wire.FormatVersion, 1)
	b = append(b, file[:]...)
	b = binary.BigEndian.AppendUint64(b, ordinal)
	return "journal/" + file.String() + ".journal", binary.BigEndian.AppendUint64(b, crc64.Checksum(b, wire.CrcTable))
}

// packFrame is the frame of a pack.
func (d *testDevice) packFrame(p *testPack) []byte {
	msg := bytes.Join([][]byte{[]byte("sledge/1 pack entry\x00"), d.who.Job[:], d.who.Device[:],
		binary.BigEndian.AppendUint32(nil, uint32(d.who.Generation)), p.entry}, nil)
	clear := append(binary.AppendUvarint(nil, uint64(len(p.entry))), p.entry...)
	clear = append(append(clear, 64), ed25519.Sign(d.deviceKey, msg)...)
	return frame(clear, random(d.rng, 100))
}

// unfinished is a pack that no disk has, whose number is given.
func (d *testDevice) unfinished(t *testing.T, number int) *testPack {
	p := &testPack{body: random(d.rng, 50_000)}
	d.cut(t, number, p)
	p.entry = d.entryOf(number, p)
	return p
}

// session writes a journal file of packs to the first m+1 disks, with a frame more on
// some of them; nil: none.
func (d *testDevice) session(ordinal uint64, packs []*testPack, more []byte, on ...int) {
	name, b := d.journalText(ordinal)
	for _, p := range packs {
		b = append(b, d.packFrame(p)...)
	}
	for bay := range d.m + 1 {
		d.put(bay, name, bytes.Clone(b))
	}
	for _, bay := range on {
		d.put(bay, name, append(bytes.Clone(b), more...))
	}
}

// sessions takes the device's journal away, for others.
func (d *testDevice) sessions() {
	for bay := range d.fs {
		for name := d.journalOf(bay); name != ""; name = d.journalOf(bay) {
			d.remove(bay, name)
		}
	}
}

// lastFrameCases are journals whose last frame stands on m disks.
var lastFrameCases = []unsealedCase{
	{"a last frame whose number was used again", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(1, d.packs[:2], d.packFrame(d.unfinished(t, 2)), 1)
		d.session(2, d.packs[2:], nil)
	}, "frame-not-counted", VerdictClean, 4},
	{"a last frame whose number was used again, by a file of an earlier name", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.named = 2
		d.session(1, d.packs[:2], d.packFrame(d.unfinished(t, 2)), 1)
		d.named = 1
		d.session(2, d.packs[2:], nil)
	}, "frame-not-counted", VerdictClean, 4},
	{"a last frame without its pack", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(1, d.packs, d.packFrame(d.unfinished(t, 4)), 1)
	}, "frame-not-counted", VerdictClean, 4},
	{"a last frame without its pack, and a disk whose bay nobody knows", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(1, d.packs, d.packFrame(d.unfinished(t, 4)), 1)
		d.remove(3, "disk.header")
	}, "journal-undecided", VerdictLost, 5},
	{"a last frame without its pack, beside a disk that is rebuilt", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(1, d.packs, d.packFrame(d.unfinished(t, 4)), 1)
		d.put(3, "rebuilding", nil)
	}, "journal-undecided", VerdictLost, 5},
	{"a last frame with its pack", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(1, d.packs[:3], d.packFrame(d.packs[3]), 1)
	}, "journal-copy-bad", VerdictRepairable, 4},
	{"a last frame without its pack, on all disks that it needs", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(1, append(d.packs[:4:4], d.unfinished(t, 4)), nil)
	}, "hashlist-lost", VerdictLost, 5},
	{"a file that a crash left without a header", func(t *testing.T, d *testDevice) {
		name, b := d.journalText(2)
		d.put(0, name, b[:20])
		d.put(1, name, make([]byte, 42))
	}, "journal-tail", VerdictClean, 4},
	{"a file of a header alone on one disk", func(t *testing.T, d *testDevice) {
		name, b := d.journalText(2)
		d.put(0, name, b)
		d.put(1, name, b[:20])
	}, "", VerdictClean, 4},
	{"packs in another order than their files", func(t *testing.T, d *testDevice) {
		d.sessions()
		d.session(2, d.packs[:2], nil)
		d.session(1, d.packs[2:], nil)
	}, "pack-entry-bad", VerdictRefused, 4},
}

func TestLastFrame(t *testing.T) { testUnsealed(t, lastFrameCases) }
