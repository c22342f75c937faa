package importer

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// renaming is a store that makes other keys of some. Every call by the asked name
// succeeds; a listing shows what is stored.
type renaming struct {
	*fakeTarget
	to     func(string) string
	noList bool
}

func (r *renaming) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	in.Key = r.to(in.Key)
	return r.fakeTarget.Put(ctx, in)
}

func (r *renaming) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	in.Key = r.to(in.Key)
	return r.fakeTarget.CreateUpload(ctx, in)
}

func (r *renaming) UploadPart(ctx context.Context, in target.PartRequest) (string, error) {
	in.Key = r.to(in.Key)
	return r.fakeTarget.UploadPart(ctx, in)
}

func (r *renaming) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	in.Key = r.to(in.Key)
	return r.fakeTarget.CompleteUpload(ctx, in)
}

func (r *renaming) AbortUpload(ctx context.Context, key, id string) error {
	return r.fakeTarget.AbortUpload(ctx, r.to(key), id)
}

func (r *renaming) ListUploads(ctx context.Context, key string, f func(target.Upload) error) error {
	return r.fakeTarget.ListUploads(ctx, r.to(key), f)
}

func (r *renaming) Head(ctx context.Context, key string) (target.Object, error) {
	return r.fakeTarget.Head(ctx, r.to(key))
}

func (r *renaming) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	return r.fakeTarget.Get(ctx, r.to(key), version)
}

func (r *renaming) Delete(ctx context.Context, key, version string) error {
	return r.fakeTarget.Delete(ctx, r.to(key), version)
}

func (r *renaming) List(ctx context.Context, prefix, after string) ([]target.Listed, string, error) {
	if r.noList {
		return nil, "", target.NewError(target.CodeAccessDenied, prefix, "no", nil)
	}
	return r.fakeTarget.List(ctx, prefix, after)
}

// TestRenamingStores: entries whose keys a store keeps under another name are refused by
// name, and by a start that goes on, too; all others are imported. Nothing of the probe is left.
func TestRenamingStores(t *testing.T) {
	tests := []struct {
		name  string
		to    func(string) string
		names []string // that are refused
	}{
		{"backslash", func(key string) string { return strings.ReplaceAll(key, `\`, "/") }, []string{`back\slash`, `same\y`}},
		{"plus", func(key string) string { return strings.ReplaceAll(key, "+", " ") }, []string{"a+b"}},
		{"composes", norm.NFC.String, []string{"e\u0301t\u00e9"}},
		{"decomposes", norm.NFD.String, []string{"e\u0301t\u00e9", "\u00e9te"}},
		{"folds case", strings.ToLower, []string{"README"}},
		{"unescapes", func(key string) string { return strings.ReplaceAll(key, "%20", " ") }, nil},
		{"drops dots", func(key string) string {
			return strings.ReplaceAll(key+"|", "./", "/")[:len(strings.ReplaceAll(key+"|", "./", "/"))-1]
		}, []string{"end./x"}},
		{"keeps all", func(key string) string { return key }, nil},
	}
	for _, test := range tests {
		for _, noList := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				s, f, disk := newSource(), newFake(t), memDisk()
				for _, name := range []string{`back\slash`, `same\y`, "same/y", "a+b", "e\u0301t\u00e9", "\u00e9te", "README", "end./x", "plain", "per%41cent"} {
					s.file(name, []byte("of "+name))
				}
				s.sort()
				store := &renaming{f, test.to, noList}
				o := testOptions(nil, disk)
				refused := func() (names []string) {
					for _, line := range readLines(t, disk, "receipts/objects.list") {
						if line.Error == target.CodeKeyInvalid {
							names = append(names, s.entries[line.Page*4+uint64(line.Index)].Record.Path)
						}
					}
					return names
				}
				res := mustRun(t, s, store, o)
				want := slices.Sorted(slices.Values(test.names))
				if noList && test.name == "composes" {
					want = []string{"e\u0301t\u00e9", "\u00e9te"} // which of the two is renamed only a listing tells
				}
				if got := slices.Sorted(slices.Values(refused())); !slices.Equal(got, want) {
					t.Errorf("no list %v: refused %q, want %q; %s", noList, got, want, res.Probe)
				}
				if stored := int(res.Tally.Outcomes[entry.OutcomeStored]); stored != len(s.entries)-len(want) || res.Complete != (len(want) == 0) || (len(res.Probe.Renames) > 0) != (len(want) > 0) {
					t.Errorf("no list %v: %+v", noList, res)
				}
				for key := range f.objects {
					if strings.Contains(key, probe.Prefix) {
						t.Errorf("%q is left", key)
					}
				}
			})
		}
	}
}

// TestOneObjectProvesOneEntry: where a store takes two keys for one in a way that the probe
// does not know, the second entry is refused by name.
func TestOneObjectProvesOneEntry(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("x0", []byte("same"))
	s.file("y0", []byte("same"))
	o := testOptions(t, disk)
	res := mustRun(t, s, &renaming{fakeTarget: f, to: func(key string) string { return strings.ReplaceAll(key, "y0", "x0") }}, o)
	if res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 1 || res.Tally.Outcomes[entry.OutcomeFailed] != 1 {
		t.Fatalf("%+v", res)
	}
	lines := readLines(t, disk, "receipts/objects.list")
	if lines[0].Error+lines[1].Error != target.CodeKeyCollision {
		t.Errorf("%+v", lines)
	}
}

// FuzzPlain: a name that is called plain has no oddity.
func FuzzPlain(f *testing.F) {
	for _, name := range []string{"a", ".a", "a.", "a/.b", "a b", "%41", "é", "a./b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || !plan.IsPlain(name) {
			return
		}
		for _, odd := range plan.AllOddities {
			if odd.In(name) {
				t.Errorf("%q is plain and has %s", name, odd.What)
			}
		}
	})
}
