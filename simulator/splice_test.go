package simulator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/fsck"
)

// named is a finding with its place: a disk, a pack or both, or else a bay. Of what it
// does not name, disk and pack are empty, and numbers are −1.
type named struct {
	class, disk, pack string
	shard             int // of a pack; else the bay
	first, last       int64
}

func atDisk(class string, disk int) named { return named{class, diskName(disk), "", -1, -1, -1} }

func atBay(class string, bay int) named { return named{class, "", "", bay, -1, -1} }

func anywhere(class string) named { return named{class, "", "", -1, -1, -1} }

func namedOf(f fsck.Finding) named {
	n := named{f.Class, f.Disk, f.Pack, -1, -1, -1}
	if f.Shard != nil {
		n.shard = *f.Shard
	} else if f.Bay != nil {
		n.shard = *f.Bay
	}
	if f.FirstStripe != nil {
		n.first, n.last = *f.FirstStripe, *f.LastStripe
	}
	return n
}

// splice puts something of another load into this one, and says what the verifier
// must name: these findings, no others that are more than notes, and this verdict. A set that
// is repairable is read whole, one that is refused not at all, any other right or not at all.
type splice struct {
	name    string
	do      func()
	want    []named
	verdict fsck.Verdict
	loose   bool // anything may be named besides, and the verdict may be worse
}

// run does it, looks, and undoes it; false if both loads have the same there.
func (s *splice) run(t *testing.T, to, from *load) (met bool) {
	t.Helper()
	defer to.restore(t)
	s.do()
	if !to.changed(t) {
		return false
	}
	what := fmt.Sprintf("%s of %s in %s", s.name, from.name, to.name)
	rep, err := to.fsck(context.Background())
	must(t, err)
	if rep.Verdict != s.verdict && (!s.loose || rep.Verdict < s.verdict) {
		t.Errorf("%s: verdict %v, not %v: %v", what, rep.Verdict, s.verdict, texts(rep.Findings))
	}
	var got []named
	for _, f := range rep.Findings {
		if f.Severity > fsck.Note {
			got = append(got, namedOf(f))
		}
	}
	for _, w := range s.want {
		if !slices.Contains(got, w) {
			t.Errorf("%s: the verifier does not name %+v", what, w)
		}
	}
	for _, g := range got {
		if !s.loose && !slices.Contains(s.want, g) {
			t.Errorf("%s: the verifier names %+v", what, g)
		}
	}
	if len(got) == 0 {
		t.Errorf("%s: nothing is named", what)
	}
	err = to.readBack(context.Background())
	if errors.Is(err, errWrong) || err != nil && rep.Verdict <= fsck.VerdictRepairable || err == nil && rep.Verdict == fsck.VerdictRefused {
		t.Errorf("%s: verdict %v, and read: %v", what, rep.Verdict, err)
	}
	return true
}

// pair is where a splice goes, and where its bytes come from.
type pair struct {
	t        *testing.T
	to, from *load
	all      []*splice
}

func (p *pair) add(s *splice) { p.all = append(p.all, s) }

// own tells whether bytes of a load are spliced into itself.
func (p *pair) own() bool { return p.to == p.from }

// source is the pack that pack n is spliced with: its like, or in one load the other one of data.
func (p *pair) source(n int) *loadPack {
	if p.own() {
		return p.from.packs[1-n]
	}
	return p.from.packs[n]
}

// copyFile gives a file of one load the content of the other's.
func (p *pair) copyFile(disk int, name string, fromDisk int, fromName string) {
	p.to.put(p.t, disk, name, p.from.get(p.t, fromDisk, fromName))
}

// copyBlocks does the same with one block of some shards of pack n.
func (p *pair) copyBlocks(n int, stripe int64, shards ...int) {
	to, from := p.to.packs[n], p.source(n)
	for _, j := range shards {
		data := p.to.get(p.t, to.disks[j], to.shard(j))
		block := p.from.get(p.t, from.disks[j], from.shard(j))[stripe*spliceBlock:]
		copy(data[stripe*spliceBlock:], block[:min(spliceBlock, len(block))])
		p.to.put(p.t, to.disks[j], to.shard(j), data)
	}
}

// copyList does it with the hash list on some disks, copyPieces with pieces of its coded copy.
func (p *pair) copyList(n int, shards ...int) {
	for _, j := range shards {
		p.copyFile(p.to.packs[n].disks[j], p.to.packs[n].hashes(), p.source(n).disks[j], p.source(n).hashes())
	}
}

func (p *pair) copyPieces(n int, shards ...int) {
	for _, j := range shards {
		p.copyFile(p.to.packs[n].disks[j], p.to.packs[n].piece(j), p.source(n).disks[j], p.source(n).piece(j))
	}
}

func (p *pair) copyShards(n int, shards ...int) {
	for s := range p.to.packs[n].stripes {
		p.copyBlocks(n, s, shards...)
	}
}

var allShards = []int{0, 1, 2}

// inShards are findings of some shards of pack n.
func (p *pair) inShards(class string, n int, first, last int64, shards ...int) (all []named) {
	k := p.to.packs[n]
	for _, j := range shards {
		all = append(all, named{class, diskName(k.disks[j]), k.id, j, first, last})
	}
	return all
}

// lists are findings of the hash list of pack n beside some shards.
func (p *pair) lists(n int, shards ...int) []named {
	all := p.inShards("hashlist-copy1-bad", n, -1, -1, shards...)
	for i := range all {
		all[i].shard = -1
	}
	return all
}

func (p *pair) inPack(class string, n int, first, last int64) named {
	return named{class, "", p.to.packs[n].id, -1, first, last}
}

// lost are the findings of stripes of pack n that cannot be decoded.
func (p *pair) lost(n int, first, last int64) []named {
	all := []named{p.inPack("stripe-lost", n, first, last)}
	if n == 2 {
		all = append(all, p.inPack("page-lost", n, -1, -1))
	}
	return all
}

// misplaced: what the shards of this pack hold is of another one that the log knows.
func (p *pair) misplaced(n int, shards ...int) []named {
	if !p.own() {
		return nil
	}
	return p.inShards("shard-misplaced", n, -1, -1, shards...)
}

// blocks: one, two and all blocks of a stripe.
func (p *pair) blocks(n int) {
	last := p.to.packs[n].stripes - 1
	for _, stripe := range []int64{0, last / 2, last} {
		for _, shards := range [][]int{{0}, {1}, {2}, {0, 1}, {0, 2}, allShards} {
			if len(shards) > 1 && stripe == last/2 {
				continue
			}
			s := &splice{name: fmt.Sprintf("pack %d: blocks %v of stripe %d", n, shards, stripe), do: func() { p.copyBlocks(n, stripe, shards...) },
				want: p.inShards("block-bad", n, stripe, stripe, shards...), verdict: fsck.VerdictRepairable}
			if len(shards) > 1 {
				s.want, s.verdict = append(s.want, p.lost(n, stripe, stripe)...), fsck.VerdictLost
			}
			p.add(s)
		}
	}
}

// shards: whole ones, of one disk and of all.
func (p *pair) shards(n int) {
	last := p.to.packs[n].stripes - 1
	for _, shards := range [][]int{{0}, {1}, {2}, allShards} {
		s := &splice{name: fmt.Sprintf("pack %d: shards %v", n, shards), do: func() { p.copyShards(n, shards...) },
			want: append(p.inShards("block-bad", n, 0, last, shards...), p.misplaced(n, shards...)...), verdict: fsck.VerdictRepairable}
		if len(shards) > 1 {
			s.want, s.verdict = append(s.want, p.lost(n, 0, last)...), fsck.VerdictLost
		}
		p.add(s)
	}
}

// lists: the hash list and its coded copy, up to a pack that agrees with itself.
func (p *pair) hashLists(n int) {
	for _, j := range allShards {
		p.add(&splice{name: fmt.Sprintf("pack %d: hash list of disk %d", n, j), do: func() { p.copyList(n, j) }, want: p.lists(n, j), verdict: fsck.VerdictRepairable})
		p.add(&splice{name: fmt.Sprintf("pack %d: piece %d", n, j), do: func() { p.copyPieces(n, j) }, want: p.inShards("piece-bad", n, -1, -1, j), verdict: fsck.VerdictRepairable})
	}
	lists, pieces := p.lists(n, allShards...), p.inShards("piece-bad", n, -1, -1, allShards...)
	p.add(&splice{name: fmt.Sprintf("pack %d: hash list of all disks", n), do: func() { p.copyList(n, allShards...) }, want: lists, verdict: fsck.VerdictRepairable})
	p.add(&splice{name: fmt.Sprintf("pack %d: all pieces", n), do: func() { p.copyPieces(n, allShards...) }, want: pieces, verdict: fsck.VerdictRepairable})
	both := append(slices.Clone(lists), pieces...)
	p.add(&splice{name: fmt.Sprintf("pack %d: hash list and pieces", n), do: func() { p.copyList(n, allShards...); p.copyPieces(n, allShards...) },
		want: append(slices.Clone(both), p.inPack("hashlist-mended", n, -1, -1)), verdict: fsck.VerdictRepairable})
	whole := append(slices.Clone(both), p.inPack("hashlist-lost", n, -1, -1))
	if n == 2 {
		whole = append(whole, p.inPack("page-lost", n, -1, -1))
	}
	p.add(&splice{name: fmt.Sprintf("pack %d", n), do: func() {
		p.copyShards(n, allShards...)
		p.copyList(n, allShards...)
		p.copyPieces(n, allShards...)
	}, want: whole, verdict: fsck.VerdictLost})
}

// onDisks adds a splice for one disk, which is repaired, and one for all disks.
func (p *pair) onDisks(name string, do func(disk int), class string, all *splice) {
	p.add(&splice{name: name + " on disk 1", do: func() { do(1) }, want: []named{atDisk(class, 1)}, verdict: fsck.VerdictRepairable})
	all.name = name + " on all disks"
	all.do = func() {
		for disk := range spliceDisks {
			do(disk)
		}
	}
	p.add(all)
}

func everyDisk(class string, more ...named) []named {
	for disk := range spliceDisks {
		more = append(more, atDisk(class, disk))
	}
	return more
}

// sameJob tells whether both loads have one job file.
func (p *pair) sameJob() bool { return p.to.cfg.Job == p.from.cfg.Job }

// like is the file of the other load that has this one's place: wraps have other names.
func (p *pair) like(name string) string {
	if !strings.Contains(name, "/wraps/") {
		return name
	}
	for other := range p.from.files(p.t, 0) {
		if strings.Contains(other, "/wraps/") {
			return other
		}
	}
	p.t.Fatal("no wrap")
	return ""
}

// otherState is what is named where the disks say that they are the other load.
func (p *pair) otherState() []named {
	if p.sameJob() {
		return []named{anywhere("label-differs")}
	}
	return everyDisk("checkpoint-untrusted")
}

// small: the files that say what the disks are.
func (p *pair) small() {
	for name := range p.to.files(p.t, 0) {
		base := strings.TrimPrefix(name, appliance.Root+"/")
		if strings.HasPrefix(base, "packs/") {
			continue
		}
		do := func(disk int) { p.copyFile(disk, name, disk, p.like(name)) }
		switch {
		case base == "disk.header":
			p.onDisks(base, do, "header-bad", &splice{want: everyDisk("header-bad"), verdict: fsck.VerdictRepairable})
		case base == "job.dsse":
			p.onDisks(base, do, "job-copy-other", &splice{want: everyDisk("checkpoint-untrusted"), verdict: fsck.VerdictRefused})
		case base == "log/checkpoint":
			class := "checkpoint-copy-bad" // no job file here has the other job's device
			if p.sameJob() {
				class = "checkpoint-copy-other"
			}
			p.onDisks(base, do, class, &splice{want: p.otherState(), verdict: fsck.VerdictRefused})
		case base == "statements/seal.dsse":
			p.onDisks(base, do, "statement-copy-bad", &splice{want: everyDisk("statement-copy-bad", anywhere("statement-missing")), verdict: fsck.VerdictRepairable})
		case strings.HasPrefix(base, "wraps/"):
			p.onDisks("wrap", do, "wrap-bad", &splice{want: everyDisk("wrap-bad", anywhere("wrap-lost")), verdict: fsck.VerdictLost})
		case strings.HasPrefix(base, "log/tile/entries/"):
			p.onDisks(base, do, "log-copy-bad", &splice{want: []named{anywhere("log-lost")}, verdict: fsck.VerdictRefused})
			p.entries(name)
		case strings.HasPrefix(base, "log/tile/"):
			p.onDisks(base, do, "log-copy-bad", &splice{want: everyDisk("log-copy-bad"), verdict: fsck.VerdictRepairable})
		default:
			p.t.Errorf("no splice for %s", name)
		}
	}
}

// entries: each entry of the log, with what it says of wraps, pack headers, hash lists and pages.
func (p *pair) entries(bundle string) {
	to, from := splitBundle(p.to.get(p.t, 0, bundle)), splitBundle(p.from.get(p.t, 0, bundle))
	if len(to) != len(from) {
		p.t.Fatalf("logs of %d and %d entries", len(to), len(from))
	}
	for n := range to {
		entries := slices.Clone(to)
		entries[n] = from[n]
		data := joinBundle(entries)
		p.onDisks(fmt.Sprintf("log entry %d", n), func(disk int) { p.to.put(p.t, disk, bundle, data) }, "log-copy-bad",
			&splice{want: []named{anywhere("log-lost")}, verdict: fsck.VerdictRefused})
	}
}

func splitBundle(data []byte) (entries [][]byte) {
	for len(data) > 2 {
		n := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:n])
		data = data[n:]
	}
	return entries
}

func joinBundle(entries [][]byte) (data []byte) {
	for _, e := range entries {
		data = append(binary.BigEndian.AppendUint16(data, uint16(len(e))), e...)
	}
	return data
}

// sets: what agrees with itself, and with nothing else that was sent.
func (p *pair) sets() {
	differs := []named{anywhere("label-differs")}
	p.add(&splice{name: "label", do: func() { p.to.label = p.from.right }, want: differs, verdict: fsck.VerdictRefused})
	p.add(&splice{name: "all disks", do: func() { copy(p.to.disks, p.from.whole) }, want: differs, verdict: fsck.VerdictRefused})
	p.add(&splice{name: "one disk", do: func() { p.to.disks[1] = p.from.whole[1] },
		want: []named{atDisk("foreign-disk", 1), atBay("disk-missing", 1)}, verdict: fsck.VerdictRepairable})
	two := []named{atDisk("foreign-disk", 0), atDisk("foreign-disk", 1), atBay("disk-missing", 0), atBay("disk-missing", 1), anywhere("disks-missing")}
	for n, k := range p.to.packs {
		two = append(two, p.lost(n, 0, k.stripes-1)...)
	}
	p.add(&splice{name: "two disks", do: func() { copy(p.to.disks, p.from.whole[:2]) }, want: two, verdict: fsck.VerdictLost})
	p.add(&splice{name: "all but the packs", do: func() { p.copyAll("packs", "wraps") }, want: differs, verdict: fsck.VerdictRefused})
	p.add(&splice{name: "log", do: func() { p.copyAll("packs", "wraps", "disk.header", "job.dsse", "statements") }, want: p.otherState(), verdict: fsck.VerdictRefused})
	p.unlabelled()
}

// unlabelled: without the label nobody can know which of two loads was sent; but what is
// mixed from both is refused, or lost, and never read as the one or the other.
func (p *pair) unlabelled() {
	lost := []named{anywhere("wrap-lost")}
	for n := range p.to.packs {
		lost = append(lost, named{"hashlist-lost", "", p.from.packs[n].id, -1, -1, -1})
	}
	p.add(&splice{name: "all but the packs, no label", do: func() { p.copyAll("packs", "wraps"); p.to.label = nil }, want: lost, verdict: fsck.VerdictLost, loose: true})
	log := &splice{name: "log, no label", do: func() {
		p.copyAll("packs", "wraps", "disk.header", "job.dsse", "statements")
		p.to.label = nil
	}, want: p.otherState(), verdict: fsck.VerdictRefused}
	checkpoint := &splice{name: "checkpoint, no label", do: func() {
		p.copyAll("packs", "wraps", "disk.header", "job.dsse", "statements", "log/tile")
		p.to.label = nil
	}, want: p.otherState(), verdict: fsck.VerdictRefused}
	if p.sameJob() {
		log.want, log.verdict, log.loose = append(lost, everyDisk("header-bad", anywhere("statement-missing"))...), fsck.VerdictLost, true
		checkpoint.want = []named{anywhere("log-lost")}
	}
	p.add(log)
	p.add(checkpoint)
}

// copyAll copies every file on all disks but those below some names.
func (p *pair) copyAll(but ...string) {
	for name := range p.to.files(p.t, 0) {
		left := func(folder string) bool {
			return strings.HasPrefix(name+"/", path.Join(appliance.Root, folder)+"/")
		}
		if slices.ContainsFunc(but, left) {
			continue
		}
		for disk := range spliceDisks {
			p.copyFile(disk, name, disk, name)
		}
	}
}

// imported splices one block into every stripe of all packs, and imports all the same.
func (p *pair) imported() {
	defer p.to.restore(p.t)
	for n, k := range p.to.packs {
		for s := range k.stripes {
			p.copyBlocks(n, s, int(s)%len(allShards))
		}
	}
	if err := p.to.importAll(context.Background()); err != nil {
		p.t.Errorf("import of %s with a block of %s in every stripe: %v", p.to.name, p.from.name, err)
	}
}

// fits holds two loads to the same files: what a splice puts in has the size of what it replaces.
func (p *pair) fits() {
	for n := range p.to.packs {
		if !slices.Equal(p.to.packs[n].disks, p.from.packs[n].disks) || p.to.packs[n].stripes != p.from.packs[n].stripes {
			p.t.Fatalf("pack %d of %s and %s: %+v, %+v", n, p.to.name, p.from.name, p.to.packs[n], p.from.packs[n])
		}
	}
	sizes := func(l *load) (all []int64) {
		for _, size := range l.files(p.t, 1) {
			all = append(all, size)
		}
		slices.Sort(all)
		return all
	}
	if a, b := sizes(p.to), sizes(p.from); !slices.Equal(a, b) {
		p.t.Fatalf("files of %s and %s have other sizes: %v, %v", p.to.name, p.from.name, a, b)
	}
}

// TestSplices splices every kind of thing on a disk, from every load of two jobs into every other,
// and the two packs of each load into one another.
func TestSplices(t *testing.T) {
	loads := fourLoads(t)
	met, same := 0, 0
	for _, to := range loads {
		for _, from := range loads {
			p := &pair{t: t, to: to, from: from}
			p.fits()
			for n := range to.packs {
				if n < 2 || !p.own() {
					p.blocks(n)
					p.shards(n)
					p.hashLists(n)
				}
			}
			if !p.own() {
				p.small()
				p.sets()
			}
			for _, s := range p.all {
				if s.run(t, to, from) {
					met++
				} else {
					same++
				}
			}
			must(t, to.readBack(context.Background()))
			if !p.own() {
				p.imported()
			}
		}
	}
	t.Logf("figure: %d splices between two jobs of two loads each, %d more where both have the same bytes", met, same)
}
