package plan

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

func fileRecord(path string, size int64) *manifest.Record {
	r := &manifest.Record{Kind: manifest.KindFile, Path: path, Size: size, SHA256: emptySum[:], PartSize: manifest.PartSizeFor(size)}
	if r.PartSize > 0 {
		r.Parts = slices.Repeat([][]byte{emptySum[:]}, int((size+r.PartSize-1)/r.PartSize))
	}
	return r
}

func TestPlanLimits(t *testing.T) {
	long := strings.Repeat("k", 250)
	tests := []struct {
		profile, path string
		size          int64
		want          target.Code // "" for none
	}{
		{"aws", "a/b", 5, ""},
		{"aws", "caf\u00e9/\u65e5\u672c", 5, ""},
		{"aws", "a\\b ?%#", 5, ""},
		{"aws", strings.Repeat("x", 1021), 5, ""},
		{"aws", strings.Repeat("x", 1022), 5, target.CodeKeyInvalid}, // with the prefix "in/"
		{"aws", "a\xff", 5, target.CodeKeyInvalid},
		{"aws", "a\nb", 5, target.CodeKeyInvalid},
		{"aws", "a\x00b", 5, target.CodeKeyInvalid},
		{"aws", "a\x7fb", 5, target.CodeKeyInvalid},
		{"aws", "a\u0085b", 5, target.CodeKeyInvalid},
		{"aws", "a\uffff", 5, target.CodeKeyInvalid},
		{"aws", "a/../b", 5, target.CodeKeyInvalid},
		{"aws", "a//b", 5, target.CodeKeyInvalid},
		{"aws", long + long, 5, ""},
		{"versitygw", long + long, 5, target.CodeKeyInvalid},
		{"minio", long + long, 5, target.CodeKeyInvalid},
		{"generic", long + "/" + long, 5, ""},
		{"generic", "a", 5 * target.TiB, ""},
		{"generic", "a", 5*target.TiB + 1, target.CodeTooLarge},
		{"aws", "a", 5*target.TiB + 1, ""},
		{"aws", "a", 10000 * 5 * target.GiB, ""},
		{"aws", "a", 10000*5*target.GiB + 1, target.CodeTooLarge},
	}
	for _, test := range tests {
		p, err := New(Settings{Prefix: "in/", Profile: profileNamed(t, test.profile), RunID: "r"}, manifest.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Plan(entry.Entry{Record: fileRecord(test.path, test.size), Raw: []entry.RawRecord{{}}})
		if test.want != "" && (!target.HasCode(err, test.want) || !target.IsClass(err, target.FatalObject)) || test.want == "" && err != nil {
			t.Errorf("%s %.20q %d: %v, want %q", test.profile, test.path, test.size, err, test.want)
		}
		if err == nil && (a.Key != "in/"+test.path || len(a.Parts) > 10000 || (test.size > 16*target.MiB) != (a.Kind == ActionMultipart)) {
			t.Errorf("%s %.20q %d: %+v", test.profile, test.path, test.size, a.Key)
		}
	}
	p, _ := New(Settings{Profile: profileNamed(t, "aws")}, manifest.Scope{})
	if _, err := p.Plan(entry.Entry{Record: fileRecord("soap", 1), Raw: []entry.RawRecord{{}}}); !target.HasCode(err, target.CodeKeyInvalid) {
		t.Errorf("soap: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	r := fileRecord("a", 1)
	r.Mode, r.UID, r.GID = 0o4755, 1<<32-1, 0
	r.Mtime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Xattrs = []manifest.Xattr{{Name: "user.x"}}
	meta, left := metadata(r, "job/device/1/2/3", "run", 2048, 0)
	want := map[string]string{"file-permissions": "0104755", "file-owner": "4294967295", "file-group": "0", "mode": "104755", "uid": "4294967295", "gid": "0",
		"sledge-entry": "job/device/1/2/3", "sledge-run": "run"}
	if !maps.Equal(meta, want) || !slices.Equal(left, []string{"file-mtime", "mtime", "user.x"}) {
		t.Errorf("%v, left out %v", meta, left)
	}
	r.Mtime, r.Xattrs = time.Time{}, nil
	if meta, left = metadata(r, "job/device/1/2/3", "run", 2048, 0); !maps.Equal(meta, want) || left != nil {
		t.Errorf("without a time: %v, left out %v", meta, left)
	}
	// What fits is the same beginning of one order, however little room there is.
	r.Mtime = time.Unix(1, 5)
	order := []string{"file-permissions", "file-owner", "file-group", "file-mtime", "mtime", "mode", "uid", "gid"}
	all, _ := metadata(r, "e", "run", 2048, 0)
	room := len("sledge-entry" + "e" + "sledge-run" + "run")
	for i := range len(order) + 1 {
		meta, left := metadata(r, "e", "run", room+100, 100)
		if !slices.Equal(left, order[i:]) || len(meta) != 2+i || meta["sledge-entry"] != "e" || meta["sledge-run"] != "run" {
			t.Errorf("room for %d: %v, left out %v", i, meta, left)
		}
		if i < len(order) {
			room += len(order[i]) + len(all[order[i]])
		}
	}
}

// TestMtimes: DataSync's form and rclone's, which is that of time.Time in seconds.
func TestMtimes(t *testing.T) {
	for _, test := range []struct {
		at            time.Time
		ours, rclones string
	}{
		{time.Unix(1595002920, 123456789), "1595002920123456789ns", "1595002920.123456789"},
		{time.Unix(1595002920, 5e8), "1595002920500000000ns", "1595002920.500000000"},
		{time.Unix(1595002920, 0), "1595002920000000000ns", "1595002920"},
		{time.Unix(0, 7), "7ns", "0.000000007"},
		{time.Unix(-1, 5), "-999999995ns", "-0.999999995"},
		{time.Unix(-9223372035, 0), "-9223372035000000000ns", "-9223372035"},
		{time.Unix(-9223372040, 0), "", ""},
	} {
		r := fileRecord("a", 1)
		r.Mtime = test.at
		if meta, _ := metadata(r, "e", "run", 2048, 0); meta["file-mtime"] != test.ours || meta["mtime"] != test.rclones {
			t.Errorf("%v: %q and %q", test.at, meta["file-mtime"], meta["mtime"])
		}
	}
}
