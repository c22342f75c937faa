package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestOddNameRefused: whatever a target, or something before it, answers to calls for keys
// with one odd character, all other entries are imported, and what it renames is still found.
func TestOddNameRefused(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied, target.CodeCredentialsRefused, target.CodeNotS3, target.CodeWrongRegion, target.CodeServerError, target.CodeThrottled} {
		for _, at := range []string{"put head get delete listuploads", "put", "head", "delete", "listuploads", "list"} {
			t.Run(fmt.Sprintf("%s of %s", code, at), func(t *testing.T) {
				s, f := newSource(), newFake(t)
				for _, name := range []string{`back\slash`, "it's", "plain", "two words"} {
					s.file(name, []byte("of "+name))
				}
				s.sort()
				store := &renaming{f, func(key string) string { return strings.ReplaceAll(key, `\`, "/") }, false}
				refuse := func(call, key string) bool {
					odd := strings.Contains(key, "'") || call == "list"
					return odd && slices.Contains(strings.Fields(at), call)
				}
				f.hook = func(n int, call, key string) (bool, error) {
					if refuse(call, key) {
						return false, target.NewError(code, key, "", nil)
					}
					return true, nil
				}
				res, _ := Run(context.Background(), s, store, testOptions(t, memDisk()))
				if want := []string{`the character '\\'`}; res == nil || !slices.Equal(res.Probe.Renames, want) {
					t.Fatalf("%+v", res)
				}
				for _, name := range []string{"in/plain", "in/two words"} {
					if _, ok := f.objects[name]; !ok {
						t.Errorf("%q was not stored", name)
					}
				}
			})
		}
	}
}

// TestOddNamesOfADeadTarget: where a plain name meets the same, the run halts for it, and
// the names are tried again by the next start.
func TestOddNamesOfADeadTarget(t *testing.T) {
	for _, code := range []target.Code{target.CodeCredentialsRefused, target.CodeNotS3, target.CodeServerError} {
		s, f, disk := newSource(), newFake(t), memDisk()
		for _, name := range []string{`back\slash`, "it's", "plain"} {
			s.file(name, []byte("of "+name))
		}
		s.sort()
		store := &renaming{f, func(key string) string { return strings.ReplaceAll(key, `\`, "/") }, false}
		dead := false
		f.hook = func(n int, call, key string) (bool, error) {
			if dead = dead || strings.Contains(key, "/names/"); dead {
				return false, target.NewError(code, key, "", nil)
			}
			return true, nil
		}
		if _, err := Run(context.Background(), s, store, testOptions(t, disk)); !target.HasCode(err, code) {
			t.Errorf("%s: %v", code, err)
		}
		f.hook = nil
		if res := mustRun(t, s, store, testOptions(t, disk)); len(res.Probe.Renames) != 1 || f.entries() != 2 {
			t.Errorf("%s: %+v", code, res)
		}
	}
}
