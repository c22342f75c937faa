package fsck

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestLabelOfUnsealed: a label tells that disks were put back to before the seal.
func TestLabelOfUnsealed(t *testing.T) {
	sealed := makeDevice(t, smallPlan())
	p := smallPlan()
	p.unsealed = true
	d := makeDevice(t, p)
	o := d.options()
	o.Label = sealed.label()
	if r := run(t, o); r.Verdict != VerdictRefused || r.Findings[0].Class != "label-differs" || !strings.Contains(r.Findings[0].Text, "not sealed") {
		t.Error(show(r))
	}
	o.Label = bytes.Replace(o.Label, []byte("generation 1"), []byte("generation 2"), 1)
	if r := run(t, o); r.Verdict != VerdictRefused || !strings.Contains(r.Findings[0].Text, "generation 2") {
		t.Error(show(r))
	}
	o.Label = []byte("x")
	if r := run(t, o); r.Verdict != VerdictRefused || !r.Has("label-bad") {
		t.Error(show(r))
	}
}

// otherJob is the file of another job of the same device and signer.
func (d *testDevice) otherJob(t *testing.T) []byte {
	ours := d.who
	defer func() { d.who = ours }()
	d.who.Job[0] ^= 1
	return d.makeJob(t)
}

// journalOf names the journal file on a disk.
func (d *testDevice) journalOf(bay int) string {
	for name := range d.fs[bay] {
		if strings.HasSuffix(name, ".journal") {
			return strings.TrimPrefix(name, "sledge/")
		}
	}
	return ""
}

// unsealedCase is damage to a device that is still being loaded.
type unsealedCase struct {
	name    string
	damage  func(t *testing.T, d *testDevice)
	class   string
	verdict Verdict
	packs   int64
}

func (c unsealedCase) report(t *testing.T) *Report {
	d := makeDevice(t, smallPlan().changed(func(p *plan) { p.unsealed = true }))
	c.damage(t, d)
	return run(t, d.options())
}

// breakFrame takes away the beginning of a frame of the journal, in both copies.
func (d *testDevice) breakFrame(n int) {
	b := d.file(0, d.journalOf(0)).Data
	at := bytes.Index(b, []byte(frameHead))
	for range n {
		at += 1 + bytes.Index(b[at+1:], []byte(frameHead))
	}
	d.flip(0, d.journalOf(0), at)
	d.flip(1, d.journalOf(1), at)
}

// cutFrames takes frames out of both copies of the journal, which closes over them; with
// to before from these are there twice.
func (d *testDevice) cutFrames(from, to int) {
	b := d.file(0, d.journalOf(0)).Data
	var places []int
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(frameHead))
		if i < 0 {
			break
		}
		at += i
		places = append(places, at)
	}
	cut := append(bytes.Clone(b[:places[from]]), b[places[to]:]...)
	for bay := range 2 {
		d.file(bay, d.journalOf(bay)).Data = bytes.Clone(cut)
	}
}

// falseFrames puts what looks like the beginnings of frames behind the first pack's.
func (d *testDevice) falseFrames(n int) {
	b := d.file(0, d.journalOf(0)).Data
	first := bytes.Index(b, []byte(frameHead))
	next := first + 1 + bytes.Index(b[first+1:], []byte(frameHead))
	none := bytes.Repeat(append([]byte(frameHead), make([]byte, 16)...), n)
	for bay := range 2 {
		d.file(bay, d.journalOf(bay)).Data = slices.Concat(b[:next], none, b[next:])
	}
}

var unsealedCases = []unsealedCase{
	{"clean", func(*testing.T, *testDevice) {}, "", VerdictClean, 4},
	{"two shards of a pack on one disk", func(t *testing.T, d *testDevice) {
		bay, name := d.shard(0, 0)
		d.put(1, name, d.file(bay, name).Data)
		d.remove(bay, name)
	}, "shards-together", VerdictRepairable, 4},
	{"frame bad on one", func(t *testing.T, d *testDevice) { d.flip(0, d.journalOf(0), 300) }, "journal-copy-bad", VerdictRepairable, 4},
	{"ends early on one", func(t *testing.T, d *testDevice) {
		f := d.file(0, d.journalOf(0))
		f.Data = f.Data[:len(f.Data)-200]
	}, "journal-copy-bad", VerdictRepairable, 4},
	{"torn tail", func(t *testing.T, d *testDevice) {
		f := d.file(0, d.journalOf(0))
		f.Data = append(f.Data, frame(nil, make([]byte, 100))[:50]...)
	}, "journal-tail", VerdictClean, 4},
	{"frame bad in all copies", func(t *testing.T, d *testDevice) {
		d.flip(0, d.journalOf(0), 300)
		d.flip(1, d.journalOf(1), 300)
	}, "journal-frame-lost", VerdictLost, 3},
	{"a frame's beginning bad in all copies", func(t *testing.T, d *testDevice) { d.breakFrame(0) }, "journal-frame-lost", VerdictLost, 3},
	{"two frames bad in all copies", func(t *testing.T, d *testDevice) { d.breakFrame(4); d.breakFrame(0) }, "journal-frame-lost", VerdictLost, 2},
	{"a frame cut out of all copies", func(t *testing.T, d *testDevice) { d.cutFrames(2, 4) }, "journal-gap", VerdictLost, 3},
	{"the first frames cut out of all copies", func(t *testing.T, d *testDevice) { d.cutFrames(0, 4) }, "journal-gap", VerdictLost, 2},
	{"a pack's frame twice", func(t *testing.T, d *testDevice) { d.cutFrames(2, 0) }, "pack-entry-bad", VerdictRefused, 5},
	{"too much that looks like frames", func(t *testing.T, d *testDevice) { d.falseFrames(1025) }, "journal-unsearched", VerdictLost, 1},
	{"copy missing", func(t *testing.T, d *testDevice) { d.remove(0, d.journalOf(0)) }, "journal-copies", VerdictRepairable, 4},
	{"no journal", func(t *testing.T, d *testDevice) { d.remove(1, d.journalOf(0)); d.remove(0, d.journalOf(0)) }, "journal-missing", VerdictRefused, 0},
	{"no headers", func(t *testing.T, d *testDevice) {
		d.noFile("disk.header")
		d.noFile("wraps/unlock")
	}, "identity-unknown", VerdictRefused, 0},
	{"another job's file on all", func(t *testing.T, d *testDevice) { d.putAll("job.dsse", d.otherJob(t)) }, "job-lost", VerdictRefused, 0},
	{"another job's file, and bad ones", func(t *testing.T, d *testDevice) {
		d.each("job.dsse", 200)
		d.put(3, "job.dsse", d.otherJob(t))
	}, "job-untrusted", VerdictRefused, 0},
	{"another job file on one", func(t *testing.T, d *testDevice) {
		d.moreKeyIDs = true
		d.put(3, "job.dsse", d.makeJob(t))
	}, "job-copy-other", VerdictRepairable, 4},
	{"a file in the journals' place", func(t *testing.T, d *testDevice) { d.put(3, "journal", nil) }, "journal-copy-bad", VerdictRepairable, 4},
	{"a folder in a journal's place", func(t *testing.T, d *testDevice) { d.put(3, d.journalOf(0)+"/x", nil) }, "journal-copy-bad", VerdictRepairable, 4},
	{"no good header", func(t *testing.T, d *testDevice) { d.flip(0, d.journalOf(0), 3); d.flip(1, d.journalOf(1), 3) }, "journal-lost", VerdictLost, 0},
	{"no unlock wrap", func(t *testing.T, d *testDevice) { d.noFile("wraps/unlock") }, "unlock-missing", VerdictClean, 4},
	{"no wrap to the site", func(t *testing.T, d *testDevice) { d.noFile("wraps/" + d.wrapName + ".wrap") }, "wrap-missing", VerdictClean, 4},
	{"no wrap at all", func(t *testing.T, d *testDevice) {
		d.noFile("wraps/unlock")
		d.noFile("wraps/" + d.wrapName + ".wrap")
	}, "wrap-lost", VerdictLost, 4},
	{"two packs of one id", func(t *testing.T, d *testDevice) {
		d.packs[1].entry = bytes.Replace(d.packs[1].entry, d.packs[1].id[:], d.packs[0].id[:], 1)
		d.sessions()
		d.journal()
	}, "pack-entry-bad", VerdictRefused, 4},
	{"block", func(t *testing.T, d *testDevice) { bay, name := d.shard(0, 0); d.flip(bay, name, 1) }, "block-bad", VerdictRepairable, 4},
	{"signed by another key", func(t *testing.T, d *testDevice) { d.deviceKey = d.jobKey; d.journal() }, "pack-entry-bad", VerdictRefused, 4},
	{"a header gone", func(t *testing.T, d *testDevice) { d.remove(1, "disk.header") }, "header-bad", VerdictRepairable, 4},
}

func TestUnsealed(t *testing.T) { testUnsealed(t, unsealedCases) }

func testUnsealed(t *testing.T, cases []unsealedCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Sealed || r.Verdict != c.verdict || r.Packs != c.packs || (c.class != "") != (len(r.Findings) > 0) || c.class != "" && !r.Has(c.class) {
				t.Errorf("%d packs %s", r.Packs, show(r))
			}
		})
	}
}
