package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/audit/inventory"
	"github.com/sledge-io/sledge/internal/audit/inventory/inventorytest"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/internal/sample"
	"github.com/sledge-io/sledge/internal/vfs"
)

// What a run has stored and signed is audited here: the two share no comparison.

// listOf imports a source into a store and returns its objects.list.
func listOf(t *testing.T, s *fakeSource, target target.Target, change func(*Options)) []byte {
	t.Helper()
	disk := memDisk()
	o := testOptions(t, disk)
	change(&o)
	mustRun(t, s, target, o)
	list, err := vfs.ReadFile(disk, "receipts/objects.list", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// compareListing holds rows against lists, with little memory, and returns the
// findings as "device kind key".
func compareListing(t *testing.T, taken time.Time, rows []target.Listed, lists ...[]byte) (audit.ListingReport, []audit.ListingReport, []string) {
	t.Helper()
	l := audit.NewListing(audit.ListingOptions{Scratch: memDisk(), Prefix: "in/", Memory: 1 << 10})
	defer l.Close()
	l.Source("test", taken)
	for _, r := range rows {
		if err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, list := range lists {
		if _, err := l.AddClaims(context.Background(), bytes.NewReader(list), func(e *target.Error) { t.Error(e) }); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	total, devices, err := l.Compare(context.Background(), func(device int, e *target.Error) {
		found = append(found, fmt.Sprintf("%d %s %s", device, audit.KindOf(e), e.Path))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return total, devices, found
}

func TestListing(t *testing.T) {
	f := newFake(t)
	list := listOf(t, mixed(), f, func(*Options) {})
	now := time.Now()
	whole := func() map[string]target.Listed {
		rows := map[string]target.Listed{}
		for key, o := range f.objects {
			rows[key] = target.Listed{Key: key, Size: int64(len(o.data)), ETag: "etag", Modified: now.Add(-time.Hour), Algorithm: "SHA256"}
		}
		return rows
	}
	later := now.Add(time.Hour)
	tests := []struct {
		name   string
		change func(rows map[string]target.Listed)
		more   []target.Listed
		taken  time.Time
		want   []string
	}{
		{"all there", func(map[string]target.Listed) {}, nil, later, nil},
		{"missing", func(rows map[string]target.Listed) { delete(rows, "in/a") }, nil, later, []string{"0 missing in/a"}},
		{"taken before", func(rows map[string]target.Listed) { delete(rows, "in/a") }, nil, now.Add(-time.Hour), []string{"0 not-compared in/a"}},
		{"size", set("in/a", func(l *target.Listed) { l.Size = 6 }), nil, later, []string{"0 different in/a"}},
		{"no size", set("in/a", func(l *target.Listed) { l.Size = -1 }), nil, later, []string{"0 not-compared in/a"}},
		{"kind", set("in/a", func(l *target.Listed) { l.Algorithm = "CRC32" }), nil, later, []string{"0 different in/a"}},
		{"kind not told", set("in/a", func(l *target.Listed) { l.Algorithm = "" }), nil, later, nil},
		{"written again", set("in/a", func(l *target.Listed) { l.ETag, l.Modified = "new", later }), nil, later, []string{"0 different in/a"}},
		{"same again", set("in/a", func(l *target.Listed) { l.Modified = later }), nil, later, nil},
		{"quoted", set("in/a", func(l *target.Listed) { l.ETag = `"etag"` }), nil, later, nil},
		{"ETag without a time", set("in/a", func(l *target.Listed) { l.ETag, l.Modified = "new", time.Time{} }), nil, later, []string{"0 not-compared in/a"}},
		{"deleted", set("in/a", func(l *target.Listed) { l.DeleteMarker, l.Latest = true, target.LatestYes }), []target.Listed{{Key: "in/a", Size: 5, Latest: target.LatestNo}}, later, []string{"0 missing in/a"}},
		{"older versions", set("in/a", func(l *target.Listed) { l.Latest = target.LatestYes }), []target.Listed{{Key: "in/a", Size: 99, Latest: target.LatestNo}, {Key: "in/a", DeleteMarker: true, Latest: target.LatestNo}}, later, nil},
		{"twice", func(map[string]target.Listed) {}, []target.Listed{{Key: "in/a", Size: 5}}, later, []string{"0 not-compared in/a"}},
		{"extras", func(map[string]target.Listed) {}, []target.Listed{{Key: "in/z\n\"", Size: 1}, {Key: "in/0"}, {Key: "in/dir/.sledge-x"}, {Key: "other/x"}, {Key: "in"},
			{Key: "in/.sledge-probe/x"}, {Key: "in/.sledge-commit"}, {Key: "in/gone", DeleteMarker: true}}, later,
			[]string{"-1 extra in/0", "-1 extra in/dir/.sledge-x", "-1 extra in/z\n\""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := whole()
			test.change(rows)
			// A map's order is any order.
			total, devices, found := compareListing(t, test.taken, append(slices.Collect(maps.Values(rows)), test.more...), list)
			if !slices.Equal(found, test.want) {
				t.Errorf("found %q, want %q", found, test.want)
			}
			if d := devices[0]; d.Objects != 8 || d.Same+d.Missing+d.Different+d.NotCompared != 8 || total.Extra+d.Missing+d.Different+d.NotCompared != uint64(len(found)) {
				t.Errorf("device %+v of %+v", d, total)
			}
			if test.name == "extras" && total.Ours != 2 {
				t.Errorf("%d objects of our own", total.Ours)
			}
		})
	}
}

func set(key string, f func(*target.Listed)) func(map[string]target.Listed) {
	return func(rows map[string]target.Listed) {
		r := rows[key]
		f(&r)
		rows[key] = r
	}
}

// TestListingUnion: what one device's receipts know is no extra of another's.
func TestListingUnion(t *testing.T) {
	f := newFake(t)
	a, b := newSource(), newSource()
	a.file("a", []byte("one"))
	a.file("both", []byte("same"))
	b.file("b", []byte("two"))
	b.file("both", []byte("same"))
	lists := [][]byte{listOf(t, a, f, func(*Options) {}), listOf(t, b, f, func(o *Options) { o.RunID = "run-2" })}
	rows := []target.Listed{{Key: "in/both", Size: 4}, {Key: "in/b", Size: 3}, {Key: "in/a", Size: 3}, {Key: "in/c"}}
	total, devices, found := compareListing(t, time.Time{}, rows, lists...)
	if total.Same != 4 || devices[0].Same != 2 || devices[1].Same != 2 || !slices.Equal(found, []string{"-1 extra in/c"}) {
		t.Errorf("%+v %+v %q", total, devices, found)
	}
	if total, _, _ := compareListing(t, time.Time{}, rows, lists[0]); total.Extra != 2 {
		t.Errorf("one device alone: %+v", total)
	}
}

// TestListingClaimsTwice: two objects of one list cannot have one key.
func TestListingClaimsTwice(t *testing.T) {
	f, s := newFake(t), newSource()
	s.file("a", []byte("one"))
	list := listOf(t, s, f, func(*Options) {})
	total, _, found := compareListing(t, time.Time{}, []target.Listed{{Key: "in/a", Size: 3}}, append(bytes.Clone(list), list...))
	if total.Objects != 2 || total.Same != 1 || total.Different != 1 || !slices.Equal(found, []string{"0 different in/a"}) {
		t.Errorf("%+v %q", total, found)
	}
}

// TestS3Listing: versitygw's own list, attributes, and both kinds of inventory
// made of it, over names that trip up CSV and URLs.
func TestS3Listing(t *testing.T) {
	server := s3test.Start(t)
	s := newSource()
	keys := []string{}
	for i, key := range inventorytest.HostileKeys {
		path := strings.TrimPrefix(key, "in/")
		if strings.ContainsAny(path, "\n\r\x01") {
			continue // a target's rule: such names are not imported
		}
		keys = append(keys, path)
		s.content[path] = []byte(strings.Repeat("x", i))
	}
	slices.Sort(keys)
	for _, path := range keys {
		s.file(path, s.content[path])
	}
	o := s3Options(t, server, nil)
	to := newS3(t, o)
	list := listOf(t, s, to, func(dst *Options) { disk := dst.StateDir; *dst = o; dst.StateDir = disk })
	if err := os.WriteFile(filepath.Join(server.BucketFolder(), "in", "stranger +%"), []byte("!"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := audit.NewListing(audit.ListingOptions{Scratch: memDisk(), Prefix: "in/"})
	defer l.Close()
	if err := l.AddStore(context.Background(), to, audit.ObjectOptions{}, time.Now); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddClaims(context.Background(), bytes.NewReader(list), func(e *target.Error) { t.Error(e) }); err != nil {
		t.Fatal(err)
	}
	var found []string
	total, _, err := l.Compare(context.Background(), func(_ int, e *target.Error) { found = append(found, string(audit.KindOf(e))+" "+e.Path) })
	if err != nil || total.Same != uint64(len(keys)) || total.Taken.IsZero() || total.Until.Before(total.Taken) || !slices.Equal(found, []string{"extra in/stranger +%"}) {
		t.Errorf("%+v, %q, %v", total, found, err)
	}
	rep, err := audit.Objects(context.Background(), bytes.NewReader(list), to, audit.ObjectOptions{By: audit.ByAttributes})
	if err != nil || rep.Same != uint64(len(keys)) || rep.Proofs[entry.ProofSHA256] != rep.Same {
		t.Errorf("attributes: %+v, %v", rep, err)
	}
	var rows []target.Listed
	page, next, err := to.List(context.Background(), "in/", "")
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	rows = append(rows, page...)
	for name, folder := range map[string]string{
		"csv":     inventorytest.Folder(t, "CSV", time.Now().Add(time.Minute), inventorytest.CSV(t, rows)),
		"parquet": inventorytest.Folder(t, "Parquet", time.Now().Add(time.Minute), inventorytest.Parquet(t, rows)),
	} {
		inv, err := inventory.Open(folder, "")
		if err != nil {
			t.Fatal(err)
		}
		var read []target.Listed
		if err := inv.Each(context.Background(), "bucket", func(o target.Listed) error { read = append(read, o); return nil }); err != nil {
			t.Fatal(err)
		}
		total, _, found := compareListing(t, time.Now().Add(time.Minute), read, list)
		if total.Same != uint64(len(keys)) || total.Extra != 1 || len(found) != 1 {
			t.Errorf("%s: %+v, %q", name, total, found)
		}
	}
	if err := os.Remove(filepath.Join(server.BucketFolder(), "in", "plain")); err != nil {
		t.Fatal(err)
	}
	rep, err = audit.Objects(context.Background(), bytes.NewReader(list), to, audit.ObjectOptions{By: audit.ByAttributes})
	if err != nil || rep.Missing != 1 || rep.Same != uint64(len(keys)-1) {
		t.Errorf("attributes, one missing: %+v, %v", rep, err)
	}
}

// TestVerifySample: only the sample is asked for, over two lists in turn.
func TestVerifySample(t *testing.T) {
	f := newFake(t)
	a, b := newSource(), newSource()
	for i := range 50 {
		a.file(fmt.Sprintf("a/%02d", i), []byte{byte(i)})
		b.file(fmt.Sprintf("b/%02d", i), []byte{byte(i)})
	}
	lists := [][]byte{listOf(t, a, f, func(*Options) {}), listOf(t, b, f, func(o *Options) { o.RunID = "run-2" })}
	f.byCall = map[string]int{}
	sampler := sample.NewSampler(100, 30, "seed")
	var total audit.ObjectReport
	for _, list := range lists {
		rep, err := audit.Objects(context.Background(), bytes.NewReader(list), f, audit.ObjectOptions{By: audit.ByReadBack, Sample: sampler})
		if err != nil {
			t.Fatal(err)
		}
		total.Add(rep)
	}
	if total.Objects != 30 || total.Same != 30 || f.byCall["head"] != 30 || f.byCall["get"] != 30 || total.Proofs[entry.ProofReadBack] != 30 {
		t.Errorf("%+v, %v", total, f.byCall)
	}
	if _, err := audit.Objects(context.Background(), bytes.NewReader(lists[0]), f, audit.ObjectOptions{Sample: sample.NewSampler(49, 3, "x")}); err == nil {
		t.Error("a list of more objects than were counted was accepted")
	}
}

// attributed is a store that tells the parts of its multipart objects.
type attributed struct {
	*fakeTarget
	parts map[string][]target.Part
}

func (a *attributed) Attributes(ctx context.Context, key string) (target.Object, []target.Part, error) {
	obj, err := a.Head(ctx, key)
	return obj, a.parts[key], err
}

// TestVerifyAttributes: a part that differs is named, whatever the whole says; a
// store without a checksum of the whole is believed part by part.
func TestVerifyAttributes(t *testing.T) {
	f := newFake(t)
	list := listOf(t, mixed(), f, func(*Options) {})
	good := func() []target.Part {
		data := f.objects["in/big"].data
		a, b := sum(data[:16<<20]), sum(data[16<<20:])
		return []target.Part{{Number: 1, Size: 16 << 20, SHA256: target.Encode64(a)}, {Number: 2, Size: 1 << 20, SHA256: target.Encode64(b)}}
	}
	verify := func(parts []target.Part) (audit.ObjectReport, []string) {
		t.Helper()
		var found []string
		rep, err := audit.Objects(context.Background(), bytes.NewReader(list), &attributed{f, map[string][]target.Part{"in/big": parts}},
			audit.ObjectOptions{By: audit.ByAttributes, Difference: func(e *target.Error) { found = append(found, e.Error()) }})
		if err != nil {
			t.Fatal(err)
		}
		return rep, found
	}
	if rep, found := verify(good()); rep.Same != 8 || rep.Parts != 2 {
		t.Errorf("%+v %q", rep, found)
	}
	bad := good()
	bad[1].SHA256 = bad[0].SHA256
	if rep, found := verify(bad); rep.Different != 1 || len(found) != 1 || !strings.Contains(found[0], "part 2 has another SHA-256") {
		t.Errorf("%+v %q", rep, found)
	}
	cut := good()
	cut[0].Size, cut[1].Size = 8<<20, 9<<20
	if rep, found := verify(cut); rep.Same != 8 || rep.Parts != 0 {
		t.Errorf("cut otherwise: %+v %q", rep, found)
	}
	f.noChecksums, f.gets = true, 0
	if rep, found := verify(good()); rep.Same != 8 || rep.Proofs[entry.ProofSHA256] != 1 || rep.Proofs[entry.ProofReadBack] != 7 || f.gets != 7 {
		t.Errorf("no checksum of the whole: %+v %q, %d read back", rep, found, f.gets)
	}
	if _, err := audit.Objects(context.Background(), bytes.NewReader(list), f, audit.ObjectOptions{By: audit.ByAttributes}); err == nil {
		t.Error("a target without attributes was asked for them")
	}
}

// TestVerifyStopped: what was not looked at is not called the same, also where the
// list was read to its end.
func TestVerifyStopped(t *testing.T) {
	s, f := newSource(), newFake(t)
	for i := range 16 {
		s.file(fmt.Sprintf("%02d", i), []byte{byte(i)})
	}
	list := &toEnd{Reader: bytes.NewReader(listOf(t, s, f, func(*Options) {})), at: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	f.hook = func(n int, call, key string) (bool, error) {
		<-list.at
		cancel()
		return true, nil
	}
	rep, err := audit.Objects(ctx, list, f, audit.ObjectOptions{})
	if !errors.Is(err, context.Canceled) || rep.Same == 16 {
		t.Errorf("%v, %+v", err, rep)
	}
}

// toEnd tells when a reader was read to its end.
type toEnd struct {
	io.Reader
	at   chan struct{}
	once sync.Once
}

func (e *toEnd) Read(b []byte) (int, error) {
	n, err := e.Reader.Read(b)
	if err != nil {
		e.once.Do(func() { close(e.at) })
	}
	return n, err
}
