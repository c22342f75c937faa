package importer

import (
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// hidden are the keys of which versions are there and none is shown: behind a delete marker.
func (b *retaining) hidden() (keys []string) {
	for key, all := range b.versions {
		if _, shown := b.objects[key]; !shown && len(all) > 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestMirrorClearVersions: a start that has written nothing, and so was not told of versions,
// removes the journal that the start before it has left: by its versions.
func TestMirrorClearVersions(t *testing.T) {
	b, s := newRetaining(t, target.Retention{}), mixed()
	o, told := retentionOptions(t, b)
	o.JournalInTarget = true
	b.hook = func(_ int, call, key string) (bool, error) {
		if call == "delete" && strings.Contains(key, "/"+mirrorPages) {
			return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, b, o); !res.Complete || len(*told) == 0 {
		t.Fatalf("%+v: the journal was to stay: %v", res, *told)
	}
	b.hook = nil
	if res := mustRun(t, s, b, o); !res.Complete || !res.Earlier {
		t.Fatalf("%+v", res)
	}
	for _, key := range b.journalKeys() {
		if strings.Contains(key, "/"+mirrorPages) {
			t.Errorf("%s is there", key)
		}
	}
	if hidden := b.hidden(); len(hidden) > 0 {
		t.Errorf("hidden, not removed: %q", hidden)
	}
}

// TestMirrorClearLate: what a list shows of the journal of the start before is not gone because a
// look does not find it at once. Where none ever does it is named, and the next start tries again.
func TestMirrorClearLate(t *testing.T) {
	for name, most := range map[string]int{"late": 1, "never": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			b, s := newRetaining(t, target.Retention{}), mixed()
			o, told := retentionOptions(t, b)
			o.JournalInTarget = true
			pages := func(key string) bool { return strings.Contains(key, "/"+mirrorPages) }
			b.hook = func(_ int, call, key string) (bool, error) {
				if call == "delete" && pages(key) {
					return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
				}
				return true, nil
			}
			mustRun(t, s, b, o)
			*told = nil
			missed := map[string]int{}
			b.hook = func(_ int, call, key string) (bool, error) {
				if call == "head" && pages(key) && missed[key] < most {
					missed[key]++
					return false, target.NewError(target.CodeNotFound, key, "", nil)
				}
				return true, nil
			}
			mustRun(t, s, b, o)
			left := slices.ContainsFunc(b.journalKeys(), pages)
			if len(missed) == 0 || left != (name == "never") || left != (len(*told) > 0) {
				t.Errorf("pages are left: %v, told %v", left, *told)
			}
			b.hook = nil
			if mustRun(t, s, b, o); slices.ContainsFunc(b.journalKeys(), pages) || len(b.hidden()) > 0 {
				t.Errorf("after another start: %q, hidden %q", b.journalKeys(), b.hidden())
			}
		})
	}
}
