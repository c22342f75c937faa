package importer

import (
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/delivery/union"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestEntryRules: a rule names one entry by its exact path, whatever characters it has, and
// nothing else.
func TestEntryRules(t *testing.T) {
	s, f := newSource(), newFake(t)
	odd := []string{"a*", "a[1]{x,y}?.txt", "back\\slash", "line\nbreak", "ü", "not \xff utf-8"}
	for _, path := range append(slices.Clone(odd), "ab", "a1x.txt", "dir/a*", "u\u0308") {
		s.file(path, []byte("content of "+path))
	}
	s.add(&manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o755})
	s.sort()
	rules := plan.Rules{Version: 1, Keys: plan.KeyRules{Add: "all/", Unicode: plan.UnicodeNFC}}
	for i, path := range odd {
		e := plan.EntryRule{Path: path, Key: "one/" + string(rune('0'+i))}
		o := plan.ObjectRule{Path: path, Given: target.Given{CacheControl: "max-age=1"}}
		if i == len(odd)-1 {
			e.Path, e.PathHex = "", hex.EncodeToString([]byte(path))
			o.Path, o.PathHex = "", e.PathHex
		}
		rules.Entries, rules.Objects = append(rules.Entries, e), append(rules.Objects, o)
	}
	rules.Entries = append(rules.Entries, plan.EntryRule{Path: "dir/", Key: "folder/"}, plan.EntryRule{Path: "not there", Key: "n"})
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, memDisk())
	o.Rules = parseRules(t, string(text))
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	want := map[string]string{"in/all/ab": "ab", "in/all/a1x.txt": "a1x.txt", "in/all/dir/a*": "dir/a*", "in/all/\u00fc": "u\u0308", "in/folder/": ""}
	for i, path := range odd {
		want["in/one/"+string(rune('0'+i))] = path
	}
	for key, path := range want {
		o, there := f.objects[key]
		if content := "content of " + path; !there || path != "" && string(o.data) != content {
			t.Errorf("%q: %v, %q", key, there, o.data)
		}
		if special := strings.HasPrefix(key, "in/one/"); special != (o.asked.CacheControl != "") {
			t.Errorf("%q has %+v", key, o.asked)
		}
	}
	if len(f.objects) != len(want) {
		t.Errorf("%d objects", len(f.objects))
	}
	if strings.Count(log.String(), "the rules name") != 1 || !strings.Contains(log.String(), "not there") {
		t.Errorf("log: %s", log.String())
	}
}

// TestEntryRulesCollide: a key that a rule gives to one entry and that another has is nobody's.
func TestEntryRulesCollide(t *testing.T) {
	s, f := newSource(), newFake(t)
	for _, path := range []string{"a", "b", "c"} {
		s.file(path, []byte(path))
	}
	o := testOptions(t, memDisk())
	o.Rules = parseRules(t, `{"version":1,"entries":[{"path":"a","key":"c"},{"path":"b","key":".sledge-journal/x"}]}`)
	res := mustRun(t, s, f, o)
	if res.Tally.Outcomes[entry.OutcomeFailed] != 3 || res.Named[target.CodeKeyCollision] != 3 || f.ours() != 0 {
		t.Errorf("%+v", res)
	}
}

// TestEntryRulesOfDevice: what two devices would store under one key is told apart by a rule of
// one of them, and a plan of both uses it.
func TestEntryRulesOfDevice(t *testing.T) {
	o := testOptions(t, nil)
	o.StateDir, o.DryRun = nil, true
	for rules, disputed := range map[string]uint64{
		`{"version":1}`: 1,
		`{"version":1,"entries":[{"device":"03000000","path":"x","key":"second/x"}]}`: 0,
		`{"version":1,"entries":[{"path":"x","key":"both/x"}]}`:                       1,
	} {
		plans := union.New(vfs.NewMem(vfs.MemOptions{}))
		for device, content := range []string{"first", "second"} {
			s := newSource()
			s.scope.Device = manifest.ID{byte(2 + device)}
			s.file("x", []byte(content))
			o.Rules = parseRules(t, rules)
			o.EachPlanned = func(key string, size int64, r *manifest.Record) error { return plans.Plan(device, key, size, r) }
			mustRun(t, s, newFake(t), o)
		}
		report, err := plans.Report()
		if err != nil || report.Disputed != disputed {
			t.Errorf("%s: %+v, %v", rules, report, err)
		}
		plans.Close()
	}
}
