package importer

import (
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// TestProbeLeftByALie: a target that says once that it has no object which it has shown
// before keeps the probe's object. It is named.
func TestProbeLeftByALie(t *testing.T) {
	for _, name := range []string{"put", "parts"} {
		s, f := mixed(), newFake(t)
		o := testOptions(nil, memDisk())
		var told []string
		o.Problem = func(e *target.Error) {
			if e.Code == target.CodeProbeLeft {
				told = append(told, e.Path)
			}
		}
		heads, last := 0, 0
		count := func(_ int, call, key string) (bool, error) {
			if call == "head" && strings.HasSuffix(key, "/"+name) && strings.Contains(key, probe.Prefix) {
				heads++
			}
			return true, nil
		}
		f.hook = count
		mustRun(t, s, f, o)
		f, last, heads, told = newFake(t), heads, 0, nil
		f.hook = func(n int, call, key string) (bool, error) {
			if count(n, call, key); heads == last && call == "head" && strings.HasSuffix(key, "/"+name) {
				heads++
				return false, target.NotFound(key)
			}
			return true, nil
		}
		o.StateDir = memDisk()
		if res := mustRun(t, s, f, o); !res.Complete {
			t.Errorf("%+v", res)
		}
		for key := range f.objects {
			if strings.Contains(key, probe.Prefix) && !slices.Contains(told, key) {
				t.Errorf("%q is left, and told was %v", key, told)
			}
		}
		if len(told) == 0 {
			t.Errorf("%s: nothing was left, of %d looks", name, last)
		}
	}
}
