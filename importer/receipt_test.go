package importer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func readLines(t *testing.T, disk vfs.FS, name string) (lines []receipt.Line) {
	t.Helper()
	list, err := vfs.ReadFile(disk, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for text := range bytes.Lines(list) {
		line, err := receipt.ParseLine(text)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestReceipts checks what was written as a stranger would, from the format.
func TestReceipts(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	// Enough extended attributes for continuation records.
	r := &manifest.Record{Kind: manifest.KindFile, Path: "z", SHA256: sum(nil), Mode: 0o600}
	for _, name := range []string{"user.a", "user.b"} {
		r.Xattrs = append(r.Xattrs, manifest.Xattr{Name: name, Value: bytes.Repeat([]byte("v"), 50000)})
	}
	s.add(r)
	s.content["z"] = nil
	res := mustRun(t, s, f, testOptions(t, disk))
	pub := testKey.Public().(ed25519.PublicKey)
	origin, _, _ := strings.Cut(string(res.Checkpoint), "\n")
	run := strings.TrimPrefix(origin, s.scope.Origin()+"/import/")
	if digits, ok := strings.CutPrefix(run, "run-1."); !ok || len(digits) != 16 {
		t.Errorf("origin %q", origin)
	}
	cp, err := manifest.OpenCheckpoint(res.Checkpoint, origin, pub)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := vfs.ReadFile(disk, "receipts/objects.list", 1<<30)
	var tree manifest.Tree
	var i int
	var raws []entry.RawRecord
	for _, e := range s.entries {
		raws = append(raws, e.Raw...)
	}
	for text := range bytes.Lines(list) {
		var salt [32]byte
		if _, err := hex.Decode(salt[:], text[:64]); err != nil {
			t.Fatal(err)
		}
		tree.Add(manifest.EncodeReceipt(manifest.Commitment(salt, bytes.TrimSuffix(text[65:], []byte("\n")))))
		line, _ := receipt.ParseLine(text)
		if !bytes.Equal(line.Record, raws[i].Bytes) || line.Page != raws[i].Page || line.Index != raws[i].Index || !bytes.Equal(line.RecordSalt, raws[i].Salt[:]) {
			t.Errorf("line %d is not record %d", i, i)
		}
		i++
	}
	if uint64(i) != cp.Size || tree.Root() != cp.Root || i != len(raws) || len(raws) != len(s.entries)+2 {
		t.Errorf("%d lines, %d records, checkpoint of %d", i, len(raws), cp.Size)
	}
	env, err := vfs.ReadFile(disk, "receipts/total.dsse", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var total receipt.Total
	st, _, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &total, pub)
	if err != nil {
		t.Fatal(err)
	}
	if st.Subject[0].Digest["sha256"] != manifest.SHA256Subject("", res.Checkpoint).Digest["sha256"] {
		t.Errorf("subject %v", st.Subject)
	}
	if !total.Complete || total.Run != run || total.Records != uint64(i) || total.Outcomes[entry.OutcomeStored] != 9 || total.Outcomes[entry.OutcomeNoObject] != 2 || total.Label != "checked" || total.Target != "s3://bucket/in/" {
		t.Errorf("total %+v", total)
	}
	for _, name := range []string{"receipts/log/tile/entries/000.p/12", "receipts/log/tile/0/000.p/12"} {
		if _, err := disk.Stat(name); err != nil {
			t.Error(err)
		}
	}
	lines := readLines(t, disk, "receipts/objects.list")
	if d := lines[len(lines)-3].Detail; !strings.Contains(d, "user.a, user.b") {
		t.Errorf("left-out metadata is not named: %q", d)
	}
	big := lines[2]
	if big.Parts != 2 || big.PartSize != 16<<20 || !strings.HasSuffix(big.SHA256, "-2") || big.ChecksumType != "COMPOSITE" || big.Proof != entry.ProofSHA256 || big.Verified.IsZero() {
		t.Errorf("line %+v", big)
	}
}

// TestReceiptCrash cuts the power while receipts are written: whatever is
// written again has the same bytes.
func TestReceiptCrash(t *testing.T) {
	s := newSource()
	s.file("a", []byte("hello"))
	s.file("b", nil)
	disk, f := memDisk(), newFake(t)
	var images []*vfs.Mem
	rng := newRand(5)
	o := testOptions(t, disk)
	o.Now = fixedClock()
	// The journal's end is written before the receipts; from there on an image is
	// taken at every operation.
	ops := 0
	wrapped := &imaging{FS: disk, take: func(name string) {
		if strings.HasPrefix(name, "receipts") {
			ops++
			images = append(images, disk.CrashClone(rng, rng.Intn(101)))
		}
	}}
	o.StateDir = stateOf(wrapped)
	want := mustRun(t, s, f, o)
	if ops < 10 {
		t.Fatalf("%d operations on the receipts", ops)
	}
	for i, image := range images {
		o := testOptions(t, image)
		o.Now = fixedClock()
		got, err := Run(context.Background(), s, f, o)
		if err != nil || string(got.Checkpoint) != string(want.Checkpoint) || !got.Complete {
			t.Errorf("image %d: %v: another checkpoint:\n%s\nwant\n%s", i, err, got.Checkpoint, want.Checkpoint)
		}
	}
}

func TestVerifyObjects(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, disk))
	list, _ := vfs.ReadFile(disk, "receipts/objects.list", 1<<30)
	verify := func(back bool) (audit.ObjectReport, []*target.Error) {
		t.Helper()
		var found []*target.Error
		by := audit.ByHead
		if back {
			by = audit.ByReadBack
		}
		rep, err := audit.Objects(context.Background(), bytes.NewReader(list), f, audit.ObjectOptions{By: by, Backoff: 1,
			Difference: func(e *target.Error) { found = append(found, e) }})
		if err != nil {
			t.Fatal(err)
		}
		return rep, found
	}
	if rep, found := verify(false); rep.Same != 8 || rep.Differences != 0 || rep.Proofs[entry.ProofSHA256] != 8 || len(found) > 0 {
		t.Errorf("%+v %v", rep, found)
	}
	if rep, found := verify(true); rep.Same != 8 || rep.Proofs[entry.ProofReadBack] != 8 {
		t.Errorf("%+v %v", rep, found)
	}
	delete(f.objects, "in/a")
	big := f.objects["in/big"]
	big.data = bytes.Clone(big.data)
	big.data[16<<20] ^= 1
	f.objects["in/big"] = big
	if rep, found := verify(false); rep.Differences != 1 || found[0].Code != target.CodeMissing || found[0].Path != "in/a" {
		t.Errorf("%+v %v", rep, found)
	}
	if rep, found := verify(true); rep.Differences != 2 || rep.Same != 6 {
		t.Errorf("%+v %v", rep, found)
	}
	// A list whose own words do not fit its records.
	list = bytes.Replace(list, []byte(`"size":5,`), []byte(`"size":6,`), 1)
	if rep, found := verify(false); rep.Differences != 1 || found[0].Path != "a" {
		t.Errorf("%+v %v", rep, found)
	}
	for _, bad := range []string{"x", "x y\n", string(list[:500]), strings.Repeat("a", 300<<10)} {
		if _, err := audit.Objects(context.Background(), strings.NewReader(bad), f, audit.ObjectOptions{}); err == nil {
			t.Errorf("list %.40q was accepted", bad)
		}
	}
}

// TestReceiptsSameSoftware: a process dies behind its last signature. The next start,
// of another version and without the label, writes the same receipts again.
func TestReceiptsSameSoftware(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Software = "sledge 1"
	mustRun(t, s, f, o)
	total := func() string {
		text, err := vfs.ReadFile(disk, "receipts/total.dsse", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := total()
	j, err := openJournal(disk, "")
	if err != nil {
		t.Fatal(err)
	}
	var end finished
	if ok, err := j.load(finishedKey, &end); !ok || err != nil || !end.Done {
		t.Fatal(ok, err)
	}
	end.Done = false
	if err := errors.Join(j.store(finishedKey, end, true), j.close()); err != nil {
		t.Fatal(err)
	}
	o.Software = "sledge 2"
	if res := mustRun(t, unlabelled{s}, f, o); !res.Complete {
		t.Errorf("%+v", res)
	}
	if total() != first {
		t.Error("two totals of one run are signed")
	}
}

// unlabelled is a source whose label was not given.
type unlabelled struct{ *fakeSource }

func (unlabelled) LabelChecked() bool { return false }
