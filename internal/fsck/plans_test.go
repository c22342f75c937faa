package fsck

import (
	"testing"
)

// planCase is a device that was made otherwise, and may be damaged besides.
type planCase struct {
	name    string
	change  func(p *plan)
	damage  func(t *testing.T, d *testDevice, o *Options) // nil: none
	class   string
	verdict Verdict
}

func (c planCase) report(t *testing.T) *Report {
	d := makeDevice(t, smallPlan().changed(c.change))
	o := d.options()
	if c.damage != nil {
		c.damage(t, d, &o)
	}
	return run(t, o)
}

var planCases = []planCase{
	{"shard not written", func(p *plan) { p.notWritten = []byte{1} }, nil, "shard-degraded", VerdictRepairable},
	{"padding not zero", func(p *plan) { p.badPadding = true }, nil, "padding-not-zero", VerdictRefused},
	{"padding not zero, and a block of its stripe bad", func(p *plan) { p.badPadding, p.bodies, p.records = true, []int{100_000}, 0 }, flipLast(0), "padding-not-zero", VerdictRefused},
	{"padding not zero in a block that is bad", func(p *plan) { p.badPadding, p.bodies, p.records = true, []int{100_000}, 0 }, flipLast(1), "padding-not-zero", VerdictRefused},
	{"padding that is bad alone", func(p *plan) { p.bodies, p.records = []int{100_000}, 0 }, flipLast(1), "block-bad", VerdictRepairable},
	{"another sum of parity than the signed one", func(p *plan) { p.otherSums = true }, nil, "parity-sum", VerdictClean},
	{"another sum of parity, and a block of its stripe bad", func(p *plan) { p.otherSums, p.bodies, p.records = true, []int{100_000}, 0 }, flipLast(0), "parity-sum", VerdictRepairable},
	{"end entry wrong", func(p *plan) { p.misnumber = true }, nil, "log-entry-bad", VerdictRefused},
	{"job file with more disks", func(p *plan) { p.moreDisks = 1 }, nil, "geometry-differs", VerdictClean},
	{"a recipient without a wrap", func(p *plan) { p.moreKeyIDs = true }, nil, "recipient-without-wrap", VerdictClean},
	{"page entry wrong", func(p *plan) { p.badPage = true }, nil, "page-bad", VerdictRefused},
	{"pieces wrong as signed", func(p *plan) { p.lyingPieces = true }, func(t *testing.T, d *testDevice, o *Options) {
		for bay := range 3 {
			d.remove(bay, d.hashes(0))
		}
	}, "hashlist-mended", VerdictRepairable},
	{"pieces wrong as signed, and lists right", func(p *plan) { p.lyingPieces = true }, nil, "piece-bad", VerdictClean},
	{"two packs of one id", func(p *plan) { p.packTwice = true }, nil, "log-entry-bad", VerdictRefused},
	{"a wrap to a stranger", func(p *plan) { p.strangeWrap = true }, nil, "log-entry-bad", VerdictRefused},
	{"a pack too long to be mended", func(p *plan) { p.hugePack = true }, nil, "hashlist-not-mended", VerdictLost},
	{"too many choices of parity", func(p *plan) {
		p.k, p.m, p.disks, p.bodies, p.records = 14, 14, 28, []int{20_000}, 0
	}, func(t *testing.T, d *testDevice, o *Options) {
		for j := range 15 {
			bay, name := d.shard(0, 7+j)
			d.flip(bay, name, 1)
		}
	}, "stripe-undecided", VerdictLost},
	{"no end entry", func(p *plan) { p.noEnd = true }, nil, "log-entry-bad", VerdictRefused},
	{"no wrap entry", func(p *plan) { p.noWrap = true }, nil, "recipient-without-wrap", VerdictClean},
	{"start entry of another generation", func(p *plan) { p.startOther = true }, nil, "log-entry-bad", VerdictRefused},
	{"start entry of another serial", func(p *plan) { p.startSerial = 1 }, nil, "log-entry-bad", VerdictRefused},
	{"no parity against the job", func(p *plan) { p.k, p.m, p.disks, p.denyNoParity = 1, 0, 2, true }, nil, "geometry-differs", VerdictClean},
	{"less parity than the job orders", func(p *plan) { p.orderedM = 2 }, nil, "geometry-differs", VerdictClean},
	{"bytes between pages", func(p *plan) { p.dirtyGap = true }, nil, "padding-not-zero", VerdictRefused},
	{"absent at seal", func(p *plan) { p.absent = []int{3} }, func(t *testing.T, d *testDevice, o *Options) { o.Disks = o.Disks[:3] }, "disk-missing", VerdictRepairable},
	{"too few disks", nil, func(t *testing.T, d *testDevice, o *Options) { o.Disks = o.Disks[2:] }, "disks-missing", VerdictLost},
	{"two good seal statements", nil, func(t *testing.T, d *testDevice, o *Options) {
		d.put(1, "statements/seal.dsse", d.sealStatement(t, map[string]any{"software": "another"}))
	}, "statement-copy-other", VerdictRepairable},
	{"seal statement of another size", nil, sealSaying(map[string]any{"log_size": 3}), "statement-differs", VerdictRefused},
	{"seal statement of another root", nil, sealSaying(map[string]any{"log_root": "AA=="}), "statement-differs", VerdictRefused},
	{"seal statement of other disks", nil, sealSaying(map[string]any{"disks": 9}), "statement-differs", VerdictRefused},
	{"seal statement of another job serial", nil, sealSaying(map[string]any{"job_serial": 7}), "statement-differs", VerdictRefused},
	{"seal statement of another job file", nil, sealSaying(map[string]any{"job_sha256": "00"}), "statement-differs", VerdictRefused},
	{"sealed before the source was whole", nil, sealSaying(map[string]any{"scan_complete": false}), "seal-incomplete", VerdictClean},
	{"sealed with lost shards", func(p *plan) { p.notWritten = []byte{1} }, nil, "seal-degraded", VerdictRepairable},
	{"sealed without a read-back", nil, sealSaying(map[string]any{"read_back": "partly", "unread_packs": 1}), "seal-unread", VerdictClean},
	{"sealed with a wrap that nobody confirmed", nil, sealSaying(map[string]any{"wrap_check": "unchecked"}), "seal-unchecked", VerdictClean},
	{"sealed with bays of one disk", nil, sealSaying(map[string]any{"shared_disks": true}), "seal-shared", VerdictClean},
	{"sealed with other file systems", nil, sealSaying(map[string]any{"filesystems": []string{"fuse"}}), "seal-filesystems", VerdictClean},
	{"recovery for two", func(p *plan) { p.ageFile = ageHead + "-> mlkem768x25519 c\nd\n--- mac\nrest" }, nil, "wrap-recipients", VerdictClean},
	{"recovery that is not age's", func(p *plan) { p.ageFile = ageHead }, nil, "wrap-bad", VerdictLost},
	{"sealed without a disk", func(p *plan) { p.absent = []int{3} }, nil, "seal-absent", VerdictClean},
	{"sealed after a disk was replaced", func(p *plan) { p.rebuilt = []int{3} }, sealSaying(map[string]any{"replaced_bays": []int{3}}), "seal-replaced", VerdictClean},
	{"sealed at last without a disk", nil, sealSaying(map[string]any{"left_bays": []int{3}}), "seal-left", VerdictClean},
	{"sealed on disks that keep what is overwritten", nil, sealSaying(map[string]any{"not_erased": []string{"btrfs"}}), "seal-not-erased", VerdictClean},
	{"a file in a folder's place", nil, func(t *testing.T, d *testDevice, o *Options) {
		d.remove(3, "statements/seal.dsse")
		d.put(3, "statements", nil)
	}, "folder-unreadable", VerdictRepairable},
}

func (p plan) changed(change func(*plan)) plan {
	if change != nil {
		change(&p)
	}
	return p
}

func TestPlans(t *testing.T) {
	for _, c := range planCases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Verdict != c.verdict || !r.Has(c.class) {
				t.Error(show(r))
			}
		})
	}
}
