package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/manifest"
)

// listed makes receipts whose list names these objects, of one byte each, and was verified.
func listed(t *testing.T, names ...string) *Device {
	t.Helper()
	var list []byte
	for _, name := range names {
		sum, size := sha256.Sum256([]byte("x")), int64(1)
		r := &manifest.Record{Kind: manifest.KindFile, Path: name, Size: size, SHA256: sum[:], Extents: []manifest.Extent{{Length: size}}}
		raw, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(receipt.Line{Record: raw[0], Outcome: entry.OutcomeStored, Key: "in/" + name, Size: &size, SHA256: base64.StdEncoding.EncodeToString(sum[:]),
			RecordSalt: make([]byte, 32), Proof: "store sha256", Verified: time.Unix(1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		list = fmt.Appendf(list, "%s %s\n", bytes.Repeat([]byte("0"), 64), text)
	}
	d := clean()
	d.Receipts = t.TempDir()
	sum := sha256.Sum256(list)
	d.ListSHA256, d.Outcomes = hex.EncodeToString(sum[:]), map[string]int64{"stored": int64(len(names))}
	if err := os.WriteFile(filepath.Join(d.Receipts, "objects.list"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// byInventory compares with an inventory of these rows, and returns the file of differences.
func byInventory(t *testing.T, r *Report, rows string, change func(*Options)) (differences string, err error) {
	t.Helper()
	dir := t.TempDir()
	o := Options{By: ByInventory, Inventory: filepath.Join(dir, "inventory.csv"), Columns: "Bucket,Key,Size", Differences: filepath.Join(dir, "found.jsonl"),
		Target:  func(int) (Place, error) { return Place{Bucket: "b", Prefix: "in/"}, nil },
		Explain: func(err error) error { return err }, Warn: t.Logf, Progress: func(Progress) {}}
	if change != nil {
		change(&o)
	}
	if err := os.WriteFile(o.Inventory, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	r.By = o.By
	r.Sum()
	err = r.Compare(t.Context(), o)
	text, e := os.ReadFile(o.Differences)
	if e != nil && !errors.Is(e, fs.ErrNotExist) {
		t.Fatal(e)
	}
	return string(text), err
}

// TestCompareInventory: what two devices' lists name is looked for in one listing; what is not
// there is a difference of its device, in the report and in the file.
func TestCompareInventory(t *testing.T) {
	a, b := listed(t, "a", "b"), listed(t, "c")
	a.Manifest.Device, b.Manifest.Device = "a", "b"
	r := &Report{Devices: []*Device{a, b}}
	found, err := byInventory(t, r, "b,in/a,1\nb,in/c,1\nb,in/other,5\n", nil)
	if err != nil || r.broken {
		t.Fatal(err)
	}
	if l := r.Listing; l.Same != 2 || l.Missing != 1 || l.Extra != 0 || a.Listing.Missing != 1 || b.Listing.Same != 1 {
		t.Errorf("%+v, of them %+v and %+v", *l, *a.Listing, *b.Listing)
	}
	if strings.Count(found, "\n") != 1 || !strings.Contains(found, `"key":"in/b"`) || !strings.Contains(found, a.Receipts) {
		t.Errorf("differences: %s", found)
	}
	if err := r.Conclude(nil); !errors.Is(err, ErrObjects) || r.Compared != comparedAll || strings.Contains(r.Words, "clean") {
		t.Errorf("%v, %q, %q", err, r.Compared, r.Words)
	}
	r = &Report{Devices: []*Device{listed(t, "a")}}
	if found, err = byInventory(t, r, "b,in/a,1\nb,in/other,5\n", func(o *Options) { o.Extras = true }); err != nil || !strings.Contains(found, "in/other") {
		t.Errorf("%s, %v", found, err)
	}
	if err := r.Conclude(nil); !errors.Is(err, ErrExtras) {
		t.Error(err)
	}
}

// TestCompareBreaksOff: a comparison that does not come to its end leaves no file of
// differences, and is never called whole.
func TestCompareBreaksOff(t *testing.T) {
	stop := errors.New("stop")
	changed := listed(t, "a")
	changed.ListSHA256 = strings.Repeat("0", 64)
	var usage *advice.UsageError
	for name, c := range map[string]struct {
		d      *Device
		rows   string
		change func(*Options)
		want   error
	}{
		"no target":          {listed(t, "a"), "", func(o *Options) { o.Target = func(int) (p Place, _ error) { return p, stop } }, stop},
		"a list that became": {changed, "b,in/a,1\n", nil, verdict.ErrRefused},
		"a row too short":    {listed(t, "a"), "b,in/a\n", nil, verdict.ErrRefused},
		"unknown columns":    {listed(t, "a"), "", func(o *Options) { o.Columns = "Bucket,Size" }, nil},
	} {
		r := &Report{Devices: []*Device{c.d}}
		found, err := byInventory(t, r, c.rows, c.change)
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &usage) {
			t.Errorf("%s: %v", name, err)
		}
		if e := r.Conclude(err); e != err || found != "" || r.Compared == comparedAll || r.Words == "clean" {
			t.Errorf("%s: %v, %q, compared %q, %q", name, e, found, r.Compared, r.Words)
		}
	}
}

// TestCompareOneTarget: receipts of two targets are not compared with one.
func TestCompareOneTarget(t *testing.T) {
	r := &Report{Devices: []*Device{listed(t, "a"), listed(t, "b")}}
	_, err := byInventory(t, r, "", func(o *Options) {
		o.Target = func(i int) (Place, error) { return Place{Bucket: fmt.Sprint("b", i)}, nil }
	})
	if err == nil || !strings.Contains(err.Error(), "the receipts are of s3://b0/ and of s3://b1/") {
		t.Error(err)
	}
}

// TestCompareUnverified: without disks the list is believed as it is, and counted by itself.
func TestCompareUnverified(t *testing.T) {
	d := listed(t, "a", "b")
	d.ReceiptReport = nil
	r := &Report{Devices: []*Device{d}}
	if _, err := byInventory(t, r, "b,in/a,1\nb,in/b,1\n", nil); err != nil || d.objects != 2 || r.Listing.Same != 2 {
		t.Errorf("%d objects, %+v, %v", d.objects, r.Listing, err)
	}
	if err := r.Conclude(nil); !errors.Is(err, verdict.ErrUnproven) || r.Verdict != nil || r.Origin != fsck.OriginUnproven {
		t.Errorf("%v, %v, %s", err, r.Verdict, r.Origin)
	}
}
