package importer

import (
	"testing"

	"github.com/sledge-io/sledge/importer/plan"
)

// TestCancelLeavesAnothers: an object of the same content that says of itself that
// another run, or nobody, has stored it is not this run's.
func TestCancelLeavesAnothers(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"another run":   func(m map[string]string) { m[plan.MetaRun] = "run-2" },
		"another entry": func(m map[string]string) { m[plan.MetaEntry] = "00" },
		"nobody":        func(m map[string]string) { clear(m) },
	} {
		t.Run(name, func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := testOptions(t, disk)
			mustRun(t, s, f, o)
			obj := f.objects["in/a"]
			change(obj.metadata)
			f.objects["in/a"] = obj
			out, err := Cancel(t.Context(), s, deleting{f}, o, true)
			if _, there := f.objects["in/a"]; err != nil || out.Changed != 1 || !there {
				t.Errorf("%+v, %v, still there: %v", out, err, there)
			}
		})
	}
}
