package catalog

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// pairs is a sorter in memory.
type pairs struct{ all [][2]string }

func (p *pairs) Add(key, value []byte) error {
	p.all = append(p.all, [2]string{string(key), string(value)})
	return nil
}

func (p *pairs) Each(f func(key, value []byte) error) error {
	slices.SortStableFunc(p.all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, kv := range p.all {
		if err := f([]byte(kv[0]), []byte(kv[1])); err != nil {
			return err
		}
	}
	return nil
}

// withdrawn stands for a withdrawal among looks.
const withdrawn = manifest.Kind(100)

// naive is the rule once more, path by path, over all looks at once.
func naive(looks []Look) []string {
	type held struct {
		look   int
		good   bool
		remark string
	}
	paths := map[string]held{}
	for i, l := range looks {
		if l.Kind == manifest.KindContinuation {
			continue
		}
		if l.Kind == withdrawn {
			delete(paths, l.Path)
			continue
		}
		h, ok := paths[l.Path]
		switch {
		case l.Kind != manifest.KindSkipped:
			h = held{look: i, good: true}
			if l.Kind != manifest.KindDir {
				maps.DeleteFunc(paths, func(p string, _ held) bool { return strings.HasPrefix(p, l.Path+"/") })
			}
		case ok && h.good:
			h.remark = l.Reason
		default:
			h = held{look: i}
		}
		paths[l.Path] = h
	}
	var out []string
	for path, h := range paths {
		l := looks[h.look]
		if !h.good && l.Reason == Gone || below(path, func(a string) bool {
			h, ok := paths[a]
			return ok && h.good && looks[h.look].Kind != manifest.KindDir
		}) {
			continue
		}
		if h.remark == Gone {
			h.remark = ""
		}
		out = append(out, fmt.Sprintf("%s #%d %v %q", orderKey(l), h.look, h.good, h.remark))
	}
	slices.Sort(out)
	return out
}

func below(path string, is func(string) bool) bool {
	for i := range path {
		if path[i] == '/' && is(path[:i]) {
			return true
		}
	}
	return false
}

func orderKey(l Look) string {
	if l.Kind == manifest.KindDir {
		return l.Path + "/"
	}
	return l.Path
}

func resolved(t *testing.T, looks []Look) []string {
	t.Helper()
	s := &pairs{}
	a := &Adder{To: s}
	for i, l := range looks {
		err := error(nil)
		if l.Kind == withdrawn {
			err = a.Withdraw(l.Path)
		} else {
			err = a.Add(l, []byte(fmt.Sprint(i)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var out, keys []string
	more := map[string]string{}
	err := Resolve(s, Visit{
		Entry: func(e *Entry) error {
			keys = append(keys, e.Key)
			out = append(out, fmt.Sprintf("%s #%s %v %q", e.Key, e.Value, e.Good, e.Remark))
			return nil
		},
		More: func(b []byte) error { more[keys[len(keys)-1]] += string(b) + " "; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(keys) {
		t.Fatalf("not in the manifest's order: %q", keys)
	}
	for i, line := range out {
		var n int
		fmt.Sscanf(line[strings.Index(line, "#"):], "#%d", &n)
		want := ""
		for j := n + 1; j < len(looks) && looks[j].Kind == manifest.KindContinuation; j++ {
			want += fmt.Sprintf("%d ", j)
		}
		if more[keys[i]] != want {
			t.Fatalf("%s has the continuations %q, want %q", line, more[keys[i]], want)
		}
	}
	slices.Sort(out)
	return out
}

// TestRule compares Resolve with the naive rule over random histories.
func TestRule(t *testing.T) {
	paths := []string{"a", "a-b", "a/b", "a/b/c", "a/b-", "a.", "b", "b/a"}
	kinds := []manifest.Kind{manifest.KindFile, manifest.KindFile, manifest.KindDir, manifest.KindSymlink, manifest.KindHardlink, manifest.KindSkipped, manifest.KindSkipped, withdrawn}
	met := map[string]bool{}
	for seed := range 100000 {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		var looks []Look
		for range 1 + rng.IntN(14) {
			l := Look{Kind: kinds[rng.IntN(len(kinds))], Path: paths[rng.IntN(len(paths))]}
			if l.Kind == manifest.KindSkipped {
				l.Reason = []string{"unreadable", "changed", Gone}[rng.IntN(3)]
			}
			looks = append(looks, l)
			for n := range rng.IntN(3) / 2 * 2 {
				if l.Kind != manifest.KindSkipped && l.Kind != withdrawn {
					looks = append(looks, Look{Kind: manifest.KindContinuation, Path: orderKey(l), Number: n + 1})
				}
			}
		}
		got, want := resolved(t, looks), naive(looks)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v\ngot  %q\nwant %q", seed, looks, got, want)
		}
		for _, line := range got {
			met[fmt.Sprint(strings.Contains(line, "true"), strings.HasSuffix(line, `""`))] = true
		}
	}
	if !met["true false"] || !met["true true"] || !met["false true"] {
		t.Errorf("met only %v", slices.Sorted(maps.Keys(met)))
	}
}

// TestImplied: what stands below a path makes it a folder, whatever it was before; what
// was below before it was a file stays ended.
func TestImplied(t *testing.T) {
	s := &pairs{}
	a := &Adder{To: s}
	for _, step := range []error{
		a.Add(Look{Kind: manifest.KindFile, Path: "a/b/before"}, []byte("below")),
		a.Add(Look{Kind: manifest.KindFile, Path: "a/b"}, []byte("file")),
		a.Add(Look{Kind: manifest.KindFile, Path: "a/b/f"}, []byte("below")),
		a.Imply("a/b"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	var got []string
	if err := Resolve(s, Visit{Entry: func(e *Entry) error { got = append(got, e.Key); return nil }}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"a/b/f"}) {
		t.Errorf("got %q", got)
	}
}
