package importer

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

func TestProfiles(t *testing.T) {
	want := map[string]target.Profile{
		"aws":       {MaxObject: 10000 * 5 * target.GiB, MaxPart: 5 * target.GiB, MaxMeta: 2048},
		"minio":     {MaxObject: 10000 * 5 * target.GiB, MaxPart: 5 * target.GiB, MaxMeta: 2048, MaxSegment: 255},
		"versitygw": {MaxObject: 5 * target.TiB, MaxPart: 5 * target.GiB, MaxMeta: 2048, MaxSegment: 255},
		"ceph":      {MaxObject: 5 * target.TiB, MaxPart: 5 * target.GiB, MaxMeta: 2048},
		"r2":        {MaxObject: 5*target.TiB - 5*target.GiB, MaxPart: 5*target.GiB - 5*target.MiB, MaxMeta: 8192},
		"b2":        {MaxObject: 10e12, MaxPart: 5e9, MaxMeta: 2048},
		"wasabi":    {MaxObject: 5e12, MaxPart: 5e9, MaxMeta: 2048},
		"generic":   {MaxObject: 5 * target.TiB, MaxPart: 5 * target.GiB, MaxMeta: 2048},
		"gcs":       {MaxObject: 5 * target.TiB, MaxPart: 5 * target.GiB, MaxMeta: 8192, NoChecksumHeaders: true},
	}
	got := target.Profiles()
	if len(got) != len(want) {
		t.Errorf("%d profiles, want %d", len(got), len(want))
	}
	prints := map[string]string{}
	for _, p := range got {
		w := want[p.Name]
		if p.MaxObject != w.MaxObject || p.MaxPart != w.MaxPart || p.MaxMeta != w.MaxMeta || p.MaxSegment != w.MaxSegment ||
			p.NoChecksumHeaders != w.NoChecksumHeaders || p.MaxParts != 10000 || p.MaxKey != 1024 || p.Source == "" || len(p.StorageClasses) == 0 {
			t.Errorf("profile %+v", p)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		// The part lists that the loader makes fit every built-in target as they are.
		if p.MinPart > manifest.UnitSize || p.MaxPart < manifest.UnitSize {
			t.Errorf("%s cannot take parts of %d bytes", p.Name, manifest.UnitSize)
		}
		if other, ok := prints[p.Fingerprint()]; ok {
			t.Errorf("%s has the fingerprint of %s", p.Name, other)
		}
		prints[p.Fingerprint()] = p.Name
	}
}

func TestReadProfiles(t *testing.T) {
	table, err := target.ReadProfiles([]byte(`{"profiles": [
		{"name": "ceph", "max_meta": 4096, "source": "ours"},
		{"name": "tape", "base": "ceph", "max_object": "1 TiB", "max_parts": 1000, "storage_classes": ["TAPE"]},
		{"name": "plain", "max_part": 104857600, "max_object": "100 GB"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	built, _ := target.ProfileByName("ceph")
	ceph, _ := target.ProfileIn(table, "ceph")
	tape, _ := target.ProfileIn(table, "tape")
	plain, _ := target.ProfileIn(table, "plain")
	if ceph.MaxMeta != 4096 || ceph.MaxPart != built.MaxPart || !ceph.PathStyle || ceph.StorageClasses[0] != "STANDARD" || ceph.Source != "ours" {
		t.Errorf("ceph: %+v", ceph)
	}
	if tape.MaxMeta != 4096 || tape.MaxObject != target.TiB || tape.MaxParts != 1000 || !tape.PathStyle || tape.StorageClasses[0] != "TAPE" || tape.Source != "" {
		t.Errorf("tape: %+v", tape)
	}
	if plain.MaxPart != 100*target.MiB || plain.MaxObject != 100e9 || plain.MinPart != 5*target.MiB {
		t.Errorf("plain: %+v", plain)
	}
	if ceph.Fingerprint() == built.Fingerprint() {
		t.Error("a changed profile has the same fingerprint")
	}
	ceph.MaxMeta, ceph.Source = built.MaxMeta, "elsewhere"
	if ceph.Fingerprint() != built.Fingerprint() {
		t.Error("the fingerprint is of more than the values")
	}
	if len(target.Profiles()) != len(table)-2 {
		t.Error("the built-in table was changed")
	}
	if _, err := target.ProfileByName("tape"); err == nil {
		t.Error("a user's profile is in the built-in table")
	}
}

func TestReadProfilesBad(t *testing.T) {
	one := func(entry string) string { return `{"profiles": [` + entry + `]}` }
	tests := map[string]struct{ file, want string }{
		"not JSON":       {"max_key = 3", "invalid character"},
		"empty":          {"{}", "0 entries"},
		"none":           {`{"profiles": []}`, "0 entries"},
		"behind":         {one(`{"name": "x"}`) + "{}", "something follows"},
		"unknown outer":  {`{"profile": []}`, `unknown field "profile"`},
		"unknown field":  {one(`{"name": "x", "max_prats": 3}`), `"x": json: unknown field "max_prats"`},
		"no name":        {one(`{"max_parts": 3}`), "a name has"},
		"bad name":       {one(`{"name": "X/"}`), "a name has"},
		"twice":          {one(`{"name": "x"}, {"name": "x"}`), "named twice"},
		"unknown base":   {one(`{"name": "x", "base": "y"}`), `base: target profile "y" is not known`},
		"other base":     {one(`{"name": "aws", "base": "ceph"}`), "no other base"},
		"parts":          {one(`{"name": "x", "max_parts": 10001}`), "max_parts is 10001, must be 1 to 10000"},
		"no parts":       {one(`{"name": "x", "max_parts": 0}`), "max_parts"},
		"part":           {one(`{"name": "x", "max_part": "6 TiB"}`), "max_part"},
		"min over max":   {one(`{"name": "x", "min_part": "6 GiB"}`), "min_part"},
		"object":         {one(`{"name": "x", "max_object": "60 TiB"}`), "max_object"},
		"overflow":       {one(`{"name": "x", "max_object": "9000000000 TiB"}`), "size"},
		"negative":       {one(`{"name": "x", "max_object": "-1 B"}`), "size"},
		"negative bytes": {one(`{"name": "x", "min_part": -1}`), "size"},
		"unit":           {one(`{"name": "x", "max_object": "5 GiBs"}`), "size"},
		"no number":      {one(`{"name": "x", "max_object": []}`), "size"},
		"key":            {one(`{"name": "x", "max_key": 0}`), "max_key"},
		"segment":        {one(`{"name": "x", "max_segment": -1}`), "max_segment"},
		"meta":           {one(`{"name": "x", "max_meta": 10}`), "max_meta is 10, must be 256"},
		"class":          {one(`{"name": "x", "storage_classes": ["a b"]}`), "storage class"},
		"too long":       {strings.Repeat(" ", target.MaxProfileFile+1), "at most"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := target.ReadProfiles([]byte(test.file)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// TestProfileInOptions: the table in the options decides, and only it.
func TestProfileInOptions(t *testing.T) {
	table, err := target.ReadProfiles([]byte(`{"profiles": [{"name": "small", "max_key": 20, "max_parts": 2}]}`))
	if small, _ := target.ProfileIn(table, "small"); err != nil || small.MaxObject != 10*target.GiB {
		t.Fatal(err)
	}
	o := testOptions(t, memDisk())
	o.Profile = "small"
	if err := o.withDefaults().validate(); err == nil {
		t.Error("an unknown profile was accepted")
	}
	o.Profiles = table
	s, f := newSource(), newFake(t)
	s.file("short", []byte("x"))
	s.file(fmt.Sprintf("%020d", 1), []byte("y"))
	res := mustRun(t, s, f, o)
	if res.Tally.Outcomes[entry.OutcomeStored] != 1 || res.Tally.Outcomes[entry.OutcomeFailed] != 1 {
		t.Errorf("%+v", res.Tally)
	}
}

// TestProfileChanged: a run does not go on with other values under the same name.
func TestProfileChanged(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("a", []byte("hello"))
	mustRun(t, s, f, testOptions(t, disk))
	o := testOptions(t, disk)
	var err error
	if o.Profiles, err = target.ReadProfiles([]byte(`{"profiles": [{"name": "generic", "max_key": 100}]}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(err.Error(), "ProfileValues") {
		t.Errorf("other values: %v", err)
	}
	o.Profiles = target.Profiles()
	if res := mustRun(t, s, f, o); !res.Earlier {
		t.Errorf("the same values: %+v", res)
	}
}

func FuzzReadProfiles(f *testing.F) {
	f.Add([]byte(`{"profiles": [{"name": "tape", "base": "ceph", "max_object": "1 TiB", "max_parts": 1000}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := target.ReadProfiles(file)
		if err != nil {
			return
		}
		for _, p := range table {
			if err := p.Validate(); err != nil {
				t.Errorf("%q was accepted: %v", p.Name, err)
			}
		}
	})
}
