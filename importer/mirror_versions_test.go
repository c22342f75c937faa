package importer

import (
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
