package plan

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

var emptySum = sha256.Sum256(nil)

func profileNamed(t testing.TB, name string) target.Profile {
	t.Helper()
	p, err := target.ProfileByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inMemory has keys sorted there.
func inMemory(disk vfs.FS) Aside {
	return func() (extsort.Config, func() error, error) {
		return extsort.Config{FS: disk, Dir: "spill", Memory: 24 << 20}, func() error { return nil }, nil
	}
}

// counting is a disk that counts what is created on it.
type counting struct {
	vfs.FS
	created int
}

func (c *counting) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	c.created++
	return c.FS.Create(name, o)
}

// remembered keeps what a check has found.
type remembered struct {
	kept     map[entry.Place]entry.Clash
	all, any bool
}

func (r *remembered) Known() (all, any bool, err error) { return r.all, r.any, nil }

func (r *remembered) Keep(at entry.Place, c entry.Clash) error {
	if r.kept == nil {
		r.kept = map[entry.Place]entry.Clash{}
	}
	r.kept[at] = c
	return nil
}

func (r *remembered) All(any bool) error { r.all, r.any = true, any; return nil }

func (r *remembered) From(uint64) (Clashes, error) { return r, nil }

func (r *remembered) Of(at entry.Place) (entry.Clash, error) { return r.kept[at], nil }

func (r *remembered) Close() error { return nil }

// listSource is a manifest of small files, directories ("d/") and symlinks
// ("l@"), in order.
type listSource struct {
	entry.Source
	entries []entry.Entry
}

func (s *listSource) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	for _, e := range s.entries {
		if e.Page = e.Raw[0].Page; e.Page < from {
			continue
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func list(paths ...string) *listSource {
	s := &listSource{}
	for _, path := range paths {
		r := &manifest.Record{Kind: manifest.KindFile, Path: path, SHA256: emptySum[:]}
		if dir, ok := strings.CutSuffix(path, "/"); ok {
			r.Kind, r.Path = manifest.KindDir, dir
		}
		if link, ok := strings.CutSuffix(path, "@"); ok {
			r.Kind, r.Path, r.Target = manifest.KindSymlink, link, "x"
		}
		s.entries = append(s.entries, entry.Entry{Record: r})
	}
	slices.SortFunc(s.entries, func(a, b entry.Entry) int { return strings.Compare(a.Record.OrderKey(), b.Record.OrderKey()) })
	for i := range s.entries {
		s.entries[i].Raw = []entry.RawRecord{{Page: uint64(i / 4), Index: i % 4}}
	}
	return s
}

// planAll gives for each entry's order key its object key, or in brackets why it has none.
func planAll(t testing.TB, s entry.Source, o Settings) map[string]string {
	t.Helper()
	spill := inMemory(vfs.NewMem(vfs.MemOptions{})) // keys are sorted there, not in six thousand folders of the system
	p, err := New(o, manifest.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	var first map[string]string
	j := &remembered{}
	for round := range 4 { // nothing is kept, all is, it is read; the receipts walk the entries again
		var kept Found = j
		if round == 0 {
			kept = nil
		}
		l, err := Check(context.Background(), s, p, spill, kept)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		got := map[string]string{}
		err = l.Entries(context.Background(), 0, func(e entry.Entry) error {
			a, err := p.Plan(e)
			switch {
			case err != nil:
				got[e.Record.OrderKey()] = "(" + string(target.AsError(err).Code) + ")"
				if !target.IsClass(err, target.FatalObject) {
					t.Errorf("%v is not fatal for the object", err)
				}
			case a.Kind == ActionNone:
				got[e.Record.OrderKey()] = "(none)"
			default:
				got[e.Record.OrderKey()] = a.Key
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !maps.Equal(first, got) {
			t.Errorf("the second walk differs: %v, then %v", first, got)
		}
		first = got
	}
	return first
}

const collision = "(key-collision)"

func TestKeys(t *testing.T) {
	const nfc, nfd = "caf\u00e9", "cafe\u0301"
	long := strings.Repeat("k", 1000)
	tests := []struct {
		name, profile, prefix, rules string
		want                         map[string]string // order key → key; symlinks without their "@"
	}{
		{"no rules", "aws", "in/", ``, map[string]string{"a": "in/a", "a/": "in/a/", "a/b": "in/a/b", nfc: "in/" + nfc, nfd: "in/" + nfd, "b@": "in/b"}},
		{"add", "aws", "in/", `"keys":{"add":"x/y/"}`, map[string]string{"a": "in/x/y/a", ".sledge-x": "in/x/y/.sledge-x"}},
		{"add, too long", "aws", "in/", `"keys":{"add":"0123456789/0123456789/"}`, map[string]string{"a": "in/0123456789/0123456789/a", long: "(key-invalid)"}},
		{"strip", "aws", "", `"keys":{"strip":"data/2024/"}`, map[string]string{
			"data/": "(none)", "data/2024/": "(none)", "data/2024/x/": "x/", "data/2024/x/a": "x/a", "data/2025/": "data/2025/", "data/2025/a": "data/2025/a", "z": "z"}},
		{"strip and add", "aws", "in/", `"keys":{"strip":"d/","add":"n/"}`, map[string]string{"d/": "(none)", "d/a": "in/n/a", "da": "in/n/da"}},
		{"strip meets", "aws", "", `"keys":{"strip":"d/"}`, map[string]string{"a": collision, "d/a": collision, "d/b": "b", "d/d/a": "d/a"}},
		{"strip meets folders", "aws", "", `"keys":{"strip":"d/"}`, map[string]string{"x/": collision, "d/x/": collision, "x/a": "x/a", "d/x/b": "x/b"}},
		{"strip uncovers the reserved", "aws", "", `"keys":{"strip":"d/"}`, map[string]string{"d/.sledge-probe/x": collision, "d/a": "a", "x/.sledge-y": "x/.sledge-y"}},
		{"reserved", "aws", "in/", ``, map[string]string{".sledge-probe/run/put": collision, ".sledge": "in/.sledge"}},
		{"nfc joins", "aws", "", `"keys":{"unicode":"nfc"}`, map[string]string{nfc: collision, nfd: collision, "x/" + nfd: "x/" + nfc, "\u212b": "\u00c5"}},
		{"nfc joins three", "aws", "", `"keys":{"unicode":"nfc"}`, map[string]string{"\u212b": collision, "\u00c5": collision, "A\u030a": collision, "A": "A"}},
		{"not text", "aws", "", `"keys":{"unicode":"nfc"}`, map[string]string{"a\xff": "(key-invalid)", "e\u0301\xff": "(key-invalid)"}},
		{"rewritten", "aws", "", ``, map[string]string{"a/../b": "(key-invalid)", "a/./b": "(key-invalid)", "a//b": "(key-invalid)", "/a": "(key-invalid)", "..": "(key-invalid)"}},
		{"a and a/b", "aws", "", ``, map[string]string{"a": "a", "a/b": "a/b"}},
		{"folders", "versitygw", "in/", ``, map[string]string{"a": collision, "a!": "in/a!", "a/": collision, "a/b": collision, "a/b/c": collision, "ab": "in/ab", "b/": "in/b/", "b/c": "in/b/c"}},
		{"folders far apart", "minio", "", ``, map[string]string{"a": collision, "a-b": "a-b", "a-b.c/": "a-b.c/", "a/x/y/z": collision}},
		{"folders by strip", "minio", "", `"keys":{"strip":"d/"}`, map[string]string{"a": collision, "d/a/b": collision, "d/c": "c"}},
		{"folders, all kinds", "minio", "", `"keys":{"strip":"d/"}`, map[string]string{"a": collision, "d/a": collision, "d/a/b": collision}},
		{"folders, links left out", "minio", "", `"symlinks":"skip"`, map[string]string{"a@": "(none)", "a/b": "a/b"}},
		{"directories left out do not collide", "aws", "", `"keys":{"strip":"d/"},"directories":"skip"`, map[string]string{"x/": "(none)", "d/x/": "(none)", "d/x/a": "x/a"}},
		{"empty directories", "aws", "", `"directories":"empty"`, map[string]string{"a/": "(none)", "a/b/": "(none)", "a/b/c": "a/b/c", "a-/": "a-/", "e/": "e/", "z/": "z/"}},
		{"empty directories that collide", "aws", "", `"directories":"empty","keys":{"strip":"d/"}`, map[string]string{"x/": collision, "d/": "(none)", "d/x/": collision, "d/y/": "(none)", "y/": "y/", "d/y/a": "y/a"}},
	}
	for _, test := range tests {
		o := Settings{Prefix: test.prefix, Profile: profileNamed(t, test.profile)}
		if test.rules != "" {
			o.Rules = rulesOf(t, `{"version":1,`+test.rules+`}`)
		}
		want := map[string]string{}
		for order, key := range test.want {
			want[strings.TrimSuffix(order, "@")] = key
		}
		if got := planAll(t, list(slices.Collect(maps.Keys(test.want))...), o); !maps.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, want)
		}
	}
}

// TestCollisionNamesNoPath: the cause stands in the journal, and says where the
// other entry is all the same.
func TestCollisionNamesNoPath(t *testing.T) {
	o := Settings{Profile: profileNamed(t, "generic"), Rules: rulesOf(t, `{"version":1,"keys":{"strip":"d/"}}`)}
	p, _ := New(o, manifest.Scope{})
	l, err := Check(context.Background(), list("d/", "d/secret", "e1", "e2", "e3", "secret"), p, inMemory(vfs.NewMem(vfs.MemOptions{})), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	causes := ""
	l.Entries(context.Background(), 0, func(e entry.Entry) error {
		if _, err := p.Plan(e); err != nil {
			causes += target.AsError(err).Cause + "\n"
		}
		return nil
	})
	want := "the rules give it the key of the entry of record 1 on page 1\nthe rules give it the key of the entry of record 1 on page 0\n"
	if causes != want {
		t.Errorf("got %s", causes)
	}
}

// TestKeysAgainstModel draws manifests from few words and many rules, and holds
// the plan against the definition, and against itself read backwards: whatever
// has a key is found again by it.
func TestKeysAgainstModel(t *testing.T) {
	words := []string{"a", "b", "a!", "\u00e9", "e\u0301", "A\u030a", "\u212b", "\u00c5", ".sledge-x", "d"}
	rnd := rand.New(rand.NewSource(5))
	for round := range 1500 {
		seen := map[string]bool{}
		for range 2 + rnd.Intn(12) {
			path := words[rnd.Intn(len(words))]
			for rnd.Intn(2) == 0 {
				path += "/" + words[rnd.Intn(len(words))]
			}
			seen[path+[]string{"", "", "/"}[rnd.Intn(3)]] = true
		}
		o := Settings{Prefix: []string{"", "in/"}[rnd.Intn(2)], Profile: profileNamed(t, []string{"aws", "minio"}[rnd.Intn(2)])}
		o.Rules = Rules{Version: 1, Keys: KeyRules{Strip: []string{"", "a/", "d/", "a/b/"}[rnd.Intn(4)], Add: []string{"", "z/"}[rnd.Intn(2)],
			Unicode: []string{"", "nfc"}[rnd.Intn(2)]}, Directories: []entry.Policy{"", entry.PolicySkip, entry.PolicyEmpty}[rnd.Intn(3)]}
		s := list(slices.Collect(maps.Keys(seen))...)
		if got, want := planAll(t, s, o), model(t, s, o); !maps.Equal(got, want) {
			t.Fatalf("round %d, %+v:\n got %q\nwant %q", round, o.Rules, got, want)
		}
	}
}

// model is the definition of a collision, entry by entry.
func model(t *testing.T, s *listSource, o Settings) map[string]string {
	p, err := New(o, manifest.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	keys, paths := map[string]string{}, map[string]string{}
	want := map[string]string{}
	for _, e := range s.entries {
		order := e.Record.OrderKey()
		e.Filled = slices.ContainsFunc(s.entries, func(x entry.Entry) bool {
			return x.Record.OrderKey() != order && strings.HasPrefix(x.Record.OrderKey(), order)
		})
		if _, out := p.leaves(e); out {
			want[order] = "(none)"
			continue
		}
		keys[order], _ = p.keys.key(order)
		want[order] = keys[order]
	}
	for one, key := range keys {
		if p.keys.reserved(key) {
			want[one] = collision
		}
		for other, second := range keys {
			folder := func(a, b string) bool { return !strings.HasSuffix(a, "/") && strings.HasPrefix(b, a+"/") }
			if one != other && (key == second || p.profile.Folders && (folder(key, second) || folder(second, key))) {
				want[one] = collision
			}
		}
	}
	for order, key := range want {
		if strings.HasPrefix(key, "(") {
			continue
		}
		if other, ok := paths[key]; ok {
			t.Errorf("%q is the key of %q and %q", key, order, other)
		}
		paths[key] = order
	}
	return want
}

// TestOutlookSpills: many keys are sorted on the disk, encrypted, and leave nothing there.
func TestOutlookSpills(t *testing.T) {
	const n = 200_000
	s := &listSource{}
	for i := range n {
		path := fmt.Sprintf("d/secret-%07d-%s", i, strings.Repeat("x", 150))
		s.entries = append(s.entries, entry.Entry{Record: &manifest.Record{Kind: manifest.KindFile, Path: path, SHA256: emptySum[:]}, Raw: []entry.RawRecord{{Page: uint64(i)}}})
	}
	s.entries = append(s.entries, entry.Entry{Record: &manifest.Record{Kind: manifest.KindFile, Path: strings.TrimPrefix(s.entries[7].Record.Path, "d/"), SHA256: emptySum[:]}, Raw: []entry.RawRecord{{Page: n}}})
	disk := &counting{FS: vfs.NewMem(vfs.MemOptions{})}
	o := Settings{Profile: profileNamed(t, "generic"), Rules: rulesOf(t, `{"version":1,"keys":{"strip":"d/"}}`)}
	p, _ := New(o, manifest.Scope{})
	l, err := Check(context.Background(), s, p, inMemory(disk), nil)
	if err != nil {
		t.Fatal(err)
	}
	clashes := 0
	if err := l.Entries(context.Background(), 0, func(e entry.Entry) error {
		if e.Clash.Kind != entry.ClashNone {
			clashes++
		}
		return nil
	}); err != nil || clashes != 2 || disk.created == 0 {
		t.Errorf("%d clashes, %d files spilled: %v", clashes, disk.created, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := disk.ReadDir("spill"); err != nil || len(left) != 0 {
		t.Errorf("%d files left: %v", len(left), err)
	}
}

// TestOutlookStops: the first error of whoever walks ends the walk.
func TestOutlookStops(t *testing.T) {
	o := Settings{Profile: profileNamed(t, "generic"), Rules: rulesOf(t, `{"version":1,"keys":{"strip":"d/"},"directories":"empty"}`)}
	p, _ := New(o, manifest.Scope{})
	l, err := Check(context.Background(), list("a", "d/a", "e", "f"), p, inMemory(vfs.NewMem(vfs.MemOptions{})), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	calls := 0
	err = l.Entries(context.Background(), 0, func(entry.Entry) error { calls++; return errEnough })
	if err != errEnough || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Check(ctx, list("a"), p, inMemory(vfs.NewMem(vfs.MemOptions{})), nil); !target.IsCanceled(err) {
		t.Errorf("cancelled: %v", err)
	}
}
