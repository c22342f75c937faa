package fsck

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// proofHead begins every proof (format.md 7.6).
const proofHead = "c2sp.org/tlog-proof@v1\n"

// hashesOf serves tlog's own prover from all leaves: an independent check of
// our tree.
func hashesOf(leaves [][]byte) tlog.HashReaderFunc {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, n := range indexes {
			out[i] = stored[n]
		}
		return out, nil
	})
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(i), leaf, reader)
		if err != nil {
			panic(err)
		}
		stored = append(stored, hashes...)
	}
	return reader
}

func prove(leaves [][]byte, n int) tlog.RecordProof {
	p, err := tlog.ProveRecord(int64(len(leaves)), int64(n), hashesOf(leaves))
	if err != nil {
		panic(err)
	}
	return p
}

func (d *testDevice) proof(n int) []byte {
	r := d.records[n]
	var leaves [][]byte
	for _, o := range d.records {
		if o.page == r.page {
			c := wire.Commitment(o.salt, o.raw)
			leaves = append(leaves, c[:])
		}
	}
	var path []byte
	for _, h := range prove(leaves, r.index) {
		path = append(path, h[:]...)
	}
	var e enc
	e.bytes(1, d.pageEntries[r.page])
	e.bytes(2, r.raw)
	e.bytes(3, r.salt)
	e.uint(4, uint64(r.index))
	e.uint(5, uint64(len(leaves)))
	e.bytes(6, path)
	e.bytes(7, d.job)
	out := fmt.Sprintf("%sextra %s\nindex %d\n", proofHead, base64.StdEncoding.EncodeToString(append([]byte{wire.FormatVersion}, e...)), d.pagePos[r.page])
	for _, h := range prove(d.entries, int(d.pagePos[r.page])) {
		out += h.String() + "\n"
	}
	return append([]byte(out+"\n"), d.checkpoint...)
}

func TestProof(t *testing.T) {
	d := makeDevice(t, smallPlan())
	trust := Trust{Key: public(d.jobKey)}
	for n, rec := range d.records {
		r, err := VerifyProof(d.proof(n), trust)
		if rec.page == 1 && rec.index == 2 {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("a continuation record is proven as if it were an entry: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("record %d: %v", n, err)
		}
		content := d.content(int(rec.page), rec.index)
		if r.Origin != OriginProven || r.Record.Size != uint64(len(content)) || r.Page != rec.page || r.Index != uint64(rec.index) {
			t.Errorf("%+v", r)
		}
		if err := r.CheckPlain(bytes.NewReader(content)); err != nil {
			t.Errorf("record %d: %v", n, err)
		}
		changed := bytes.Clone(content)
		changed[len(changed)-1] ^= 1
		for what, b := range map[string][]byte{"changed": changed, "short": content[1:], "long": append(changed, 0)} {
			if err := r.CheckPlain(bytes.NewReader(b)); !errors.Is(err, ErrContent) {
				t.Errorf("record %d %s: %v", n, what, err)
			}
		}
		want := error(nil)
		if rec.index == 1 {
			want = ErrNoDigest
		}
		if err := r.CheckSHA256(sha256.Sum256(content)); !errors.Is(err, want) {
			t.Errorf("record %d: %v", n, err)
		}
	}
}

func TestProofTrust(t *testing.T) {
	d := makeDevice(t, smallPlan())
	r, err := VerifyProof(d.proof(0), Trust{})
	if err != nil || r.Origin != OriginUnproven {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := VerifyProof(d.proof(0), Trust{Key: public(d.deviceKey)}); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("%v", err)
	}
}

// TestProofFlips changes every bit of the extra line's bytes and of the hashes.
func TestProofFlips(t *testing.T) {
	d := makeDevice(t, smallPlan())
	trust := Trust{Key: public(d.jobKey)}
	text := string(d.proof(2))
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		data, ok := strings.CutPrefix(line, "extra ")
		raw, err := base64.StdEncoding.DecodeString(data)
		if err != nil || len(raw) < 32 || !ok && len(raw) != 32 {
			continue
		}
		jobAt := bytes.Index(raw, d.job) // its signature is checked in bulk
		if jobAt < 0 {
			jobAt = len(raw)
		}
		countAt := bytes.Index(raw, []byte{0x09, 1, 2, 0x0b, 1, 5}) + 5
		for bit := range jobAt * 8 {
			b := bytes.Clone(raw)
			b[bit/8] ^= 1 << (bit % 8)
			changed := append([]string{}, lines...)
			changed[n] = base64.StdEncoding.EncodeToString(b)
			if ok {
				changed[n] = "extra " + changed[n]
			}
			_, err := VerifyProof([]byte(strings.Join(changed, "\n")), trust)
			if err == nil && ok && bit/8 == countAt {
				continue // the tree does not bind the number of its leaves
			}
			if err == nil {
				t.Fatalf("line %d bit %d: accepted; %x", n, bit, raw[max(0, bit/8-20):bit/8+20])
			}
		}
	}
}

// receipts writes an importer's folder for the device.
func (d *testDevice) receipts(t testing.TB, change func(line map[string]any), total func(map[string]any)) fstest.MapFS {
	t.Helper()
	var list bytes.Buffer
	var entries [][]byte
	outcomes, bytesTotal := map[string]int{}, 0
	for n, r := range d.records {
		content := d.content(int(r.page), r.index)
		line := map[string]any{"page": r.page, "index": r.index, "record": r.raw, "record_salt": r.salt, "outcome": "stored",
			"key": fmt.Sprint("k", n), "size": len(content), "proof": "store sha256", "verified": "2026-01-01T00:00:00Z"}
		sum := sha256.Sum256(content)
		line["sha256"] = base64.StdEncoding.EncodeToString(sum[:])
		if r.page == 1 && r.index == 2 {
			line = map[string]any{"page": r.page, "index": r.index, "record": r.raw, "record_salt": r.salt, "outcome": "no-object"}
		}
		if len(content) > record.PartUnit {
			a, b := sha256.Sum256(content[:record.PartUnit]), sha256.Sum256(content[record.PartUnit:])
			sum = sha256.Sum256(append(a[:], b[:]...))
			line["sha256"] = base64.StdEncoding.EncodeToString(sum[:]) + "-2"
		}
		if change != nil {
			change(line)
		}
		if line["drop"] != nil {
			continue
		}
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		salt := random(d.rng, 32)
		c := wire.Commitment(salt, text)
		fmt.Fprintf(&list, "%x %s\n", salt, text)
		var e enc
		e.bytes(1, c[:])
		kind := byte(wire.ReceiptKind)
		if d.receiptsOther {
			kind++
		}
		entries = append(entries, entryBytes(kind, e))
		outcome := line["outcome"].(string)
		outcomes[outcome]++
		if outcome == "stored" {
			bytesTotal += line["size"].(int)
		}
	}
	files, root := logFiles(entries)
	dir := fstest.MapFS{"objects.list": {Data: list.Bytes()}}
	for name, b := range files {
		dir[name] = &fstest.MapFile{Data: b}
	}
	cp := signNote(t, d.importerKey, d.origin()+cmp.Or(d.importOrigin, "/import/run1"), len(entries), root)
	dir["log/checkpoint"] = &fstest.MapFile{Data: cp}
	_, mroot := logFiles(d.entries)
	predicate := map[string]any{"version": 1, "critical": []string{}, "job": d.who.Job.String(), "device": d.who.Device.String(), "generation": d.who.Generation, "run": "run1",
		"manifest_size": len(d.entries), "manifest_root": mroot.String(), "outcomes": outcomes, "bytes": bytesTotal,
		"target": "s3://bucket/in/", "endpoint": "https://s3.example.org", "proof": map[string]int{"store sha256": outcomes["stored"]}, "complete": outcomes["failed"]+outcomes["conflict"] == 0}
	if total != nil {
		total(predicate)
	}
	dir["total.dsse"] = &fstest.MapFile{Data: dsse(t, d.importerKey, inToto("receipt", "checkpoint", wire.Sha256Hex(cp), predicate))}
	return dir
}

// receiptCase is an importer's folder, or a device, that is not as it should be.
type receiptCase struct {
	name    string
	line    func(map[string]any)
	total   func(map[string]any)
	folder  func(fstest.MapFS)
	plan    func(*plan)
	device  func(*testDevice) // before the importer writes
	disks   func(*testDevice) // after that
	class   string
	verdict Verdict
}

func (c receiptCase) report(t *testing.T) *ReceiptReport {
	// The directory page of the generator has records of its own; receipts have none of it.
	d := makeDevice(t, smallPlan().changed(func(p *plan) { p.records = 4 }).changed(c.plan))
	if c.device != nil {
		c.device(d)
	}
	dir := d.receipts(t, c.line, c.total)
	if c.folder != nil {
		c.folder(dir)
	}
	if c.disks != nil {
		c.disks(d)
	}
	seen := int64(0)
	r, err := VerifyReceipts(context.Background(), dir, ReceiptOptions{Options: d.options(), Object: func(l *ObjectLine) error {
		if l.Position != seen {
			t.Errorf("position %d", l.Position)
		}
		seen++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if seen != r.Lines {
		t.Errorf("%d lines, %d said", r.Lines, seen)
	}
	return r
}

var receiptCases = []receiptCase{
	{name: "complete", verdict: VerdictClean},
	{name: "no SHA-256", line: func(l map[string]any) { delete(l, "sha256") }, class: "object-differs", verdict: VerdictRefused},
	{name: "a composite of other parts", line: func(l map[string]any) {
		if l["key"] == "k1" {
			l["sha256"] = strings.TrimSuffix(l["sha256"].(string), "2") + "3"
		}
	}, class: "object-differs", verdict: VerdictRefused},
	{name: "a SHA-256 that no record has", line: func(l map[string]any) {
		if l["key"] == "k1" {
			l["sha256"] = strings.TrimSuffix(l["sha256"].(string), "-2")
		}
	}, class: "object-differs", verdict: VerdictRefused},
	{name: "parts of another size", line: func(l map[string]any) { l["part_size"] = 5 << 20 }, class: "object-differs", verdict: VerdictRefused},
	{name: "cut by the importer", line: func(l map[string]any) {
		if l["key"] == "k1" {
			l["sha256"], l["parts_by"] = strings.TrimSuffix(l["sha256"].(string), "2")+"3", "importer"
		}
	}, verdict: VerdictClean},
	{name: "a total of another version", total: func(p map[string]any) { p["version"] = 2 }, class: "total-bad", verdict: VerdictRefused},
	{name: "a total without a version", total: func(p map[string]any) { delete(p, "version") }, class: "total-bad", verdict: VerdictRefused},
	{name: "a total with an unknown critical name", total: func(p map[string]any) { p["critical"] = []string{"later"} }, class: "total-bad", verdict: VerdictRefused},
	{name: "a total with a critical name", total: func(p map[string]any) { p["critical"] = []string{"bytes"} }, verdict: VerdictClean},
	{name: "one failed", line: func(l map[string]any) {
		if l["key"] == "k3" {
			l["outcome"] = "failed"
			l["error"] = "denied"
		}
	}, class: "import-incomplete", verdict: VerdictLost},
	{name: "one left out", line: func(l map[string]any) {
		if l["key"] == "k3" {
			l["drop"] = true
		}
	}, class: "page-root-differs", verdict: VerdictRefused},
	{name: "last page left out", line: func(l map[string]any) {
		if l["page"] == uint64(1) {
			l["drop"] = true
		}
	}, class: "list-incomplete", verdict: VerdictRefused},
	{name: "other size", line: func(l map[string]any) {
		if l["key"] == "k2" {
			l["size"] = 3
		}
	}, class: "object-differs", verdict: VerdictRefused},
	{name: "other digest", line: func(l map[string]any) {
		if l["key"] == "k2" {
			l["sha256"] = base64.StdEncoding.EncodeToString(make([]byte, 32))
		}
	}, class: "object-differs", verdict: VerdictRefused},
	{name: "other composite", line: func(l map[string]any) {
		if l["key"] == "k1" {
			l["sha256"] = base64.StdEncoding.EncodeToString(make([]byte, 32)) + "-2"
		}
	}, class: "object-differs", verdict: VerdictRefused},
	{name: "other salt", line: func(l map[string]any) {
		if l["key"] == "k2" {
			l["record_salt"] = make([]byte, 32)
		}
	}, class: "page-root-differs", verdict: VerdictRefused},
	{name: "a file without an object", line: func(l map[string]any) {
		if l["key"] == "k2" {
			l["outcome"] = "no-object"
		}
	}, class: "outcome-wrong", verdict: VerdictRefused},
	{name: "a file that was skipped", line: func(l map[string]any) {
		if l["key"] == "k2" {
			l["outcome"] = "skipped"
		}
	}, class: "outcome-wrong", verdict: VerdictRefused},
	{name: "a continuation record that is an object", line: func(l map[string]any) {
		if l["outcome"] == "no-object" {
			l["outcome"], l["key"], l["size"], l["proof"], l["verified"] = "stored", "k9", 0, "store sha256", "2026-01-01T00:00:00Z"
		}
	}, class: "outcome-wrong", verdict: VerdictRefused},
	{name: "a continuation record that failed", line: func(l map[string]any) {
		if l["outcome"] == "no-object" {
			l["outcome"] = "failed"
		}
	}, class: "outcome-wrong", verdict: VerdictRefused},
	{name: "count wrong", total: func(p map[string]any) { p["outcomes"] = map[string]int{"stored": 7} }, class: "total-bad", verdict: VerdictRefused},
	{name: "says complete", line: func(l map[string]any) {
		if l["key"] == "k3" {
			l["outcome"] = "conflict"
		}
	}, total: func(p map[string]any) { p["complete"] = true }, class: "total-bad", verdict: VerdictRefused},
	{name: "line changed later", folder: func(f fstest.MapFS) { f["objects.list"].Data[200] ^= 1 }, class: "list-line-bad", verdict: VerdictRefused},
	{name: "line added", folder: func(f fstest.MapFS) {
		f["objects.list"].Data = append(f["objects.list"].Data, "x\n"...)
	}, class: "list-long", verdict: VerdictRefused},
	{name: "list cut", folder: func(f fstest.MapFS) {
		f["objects.list"].Data = f["objects.list"].Data[:len(f["objects.list"].Data)-9]
	}, class: "list-short", verdict: VerdictRefused},
	{name: "tile flipped", folder: func(f fstest.MapFS) { f["log/tile/entries/000.p/8"].Data[9] ^= 1 }, class: "receipt-log-bad", verdict: VerdictRefused},
	{name: "no total", folder: func(f fstest.MapFS) { delete(f, "total.dsse") }, class: "total-bad", verdict: VerdictRefused},
	{name: "another importer", device: func(d *testDevice) { d.importerKey = d.deviceKey }, class: "receipt-untrusted", verdict: VerdictRefused},
	{name: "entries of another kind", plan: func(p *plan) { p.receiptsOther = true }, class: "receipt-entry-bad", verdict: VerdictRefused},
	{name: "no checkpoint", folder: func(f fstest.MapFS) { delete(f, "log/checkpoint") }, class: "receipt-checkpoint-bad", verdict: VerdictRefused},
	{name: "not an import's checkpoint", plan: func(p *plan) { p.importOrigin = "/export/run1" }, class: "receipt-checkpoint-bad", verdict: VerdictRefused},
	{name: "a line that is none", folder: func(f fstest.MapFS) {
		f["objects.list"].Data = append([]byte("x\n"), f["objects.list"].Data...)
	}, class: "list-line-bad", verdict: VerdictRefused},
	{name: "a record out of order", line: func(l map[string]any) {
		if l["key"] == "k1" {
			l["index"] = 2
		}
	}, class: "list-incomplete", verdict: VerdictRefused},
	{name: "the last parts are missing", plan: func(p *plan) { p.records = 2 }, class: "object-differs", verdict: VerdictRefused},
	{name: "no list", folder: func(f fstest.MapFS) { delete(f, "objects.list") }, class: "list-missing", verdict: VerdictRefused},
	{name: "pages in another order", plan: func(p *plan) { p.backwards = true }, class: "record-order", verdict: VerdictRefused},
	{name: "not sealed", disks: func(d *testDevice) {
		for bay := range d.fs {
			d.remove(bay, "log/checkpoint")
		}
	}, class: "manifest-missing", verdict: VerdictRefused},
}

func TestReceipts(t *testing.T) {
	for _, c := range receiptCases {
		t.Run(c.name, func(t *testing.T) {
			r := c.report(t)
			if r.Verdict != c.verdict {
				t.Errorf("verdict %v %+v", r.Verdict, r.Findings)
			}
			found := c.class == "" && len(r.Findings) == 0
			for _, f := range r.Findings {
				found = found || f.Class == c.class
			}
			if !found {
				t.Errorf("no %q in %+v", c.class, r.Findings)
			}
		})
	}
}

func TestRecordPaths(t *testing.T) {
	long := strings.Repeat("x", wire.MaxPathSize)
	for _, c := range []struct {
		kind uint64
		path string
		good bool
	}{
		{KindFile, "a/b", true}, {KindFile, "a/", false}, {KindDirectory, "a/", false}, {KindContinuation, "a/", true},
		{KindContinuation, "a", true}, {KindContinuation, "a//", false}, {KindFile, "/a", false}, {KindFile, "a/../b", false},
		{KindFile, "a/./b", false}, {KindFile, "a//b", false}, {KindFile, "a\x00b", false}, {KindWithdrawn, "a", false},
		{KindFile, long, true}, {KindFile, long + "x", false}, {KindDirectory, long, true}, {KindDirectory, long + "x", false},
		{KindContinuation, long + "/", true}, {KindContinuation, long + "x", false}, {KindContinuation, long + "x/", false},
	} {
		var e enc
		e.uint(1, c.kind)
		e.bytes(2, []byte(c.path))
		if c.kind == KindFile {
			e.put(record.WholeDigest, false, make([]byte, 32))
		}
		if c.kind == KindContinuation {
			e.uint(24, 1)
			e.uint(25, record.UnitSums)
			e.bytes(27, append([]byte{8}, make([]byte, 8)...))
		}
		if _, err := ParseRecord(e); (err == nil) != c.good {
			t.Errorf("kind %d path %q: %v", c.kind, c.path, err)
		}
	}
}
