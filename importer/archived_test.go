package importer

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// TestArchiveClassReadBack: objects of an archive class cannot be read back. Where a proof
// needs that, for every object or because the store's answers prove nothing, the run ends
// before its first object.
func TestArchiveClassReadBack(t *testing.T) {
	for name, test := range map[string]struct {
		set        func(*Options)
		unchecking bool
		refused    string // "at once", by the probe, or ""
	}{
		"wished for each":   {func(o *Options) { o.ReadBack = true }, false, "at once"},
		"wished as a proof": {func(o *Options) { o.MinProof = entry.ProofReadBack }, false, "at once"},
		"needed":            {func(*Options) {}, true, "by the probe"},
		"not needed":        {func(*Options) {}, false, ""},
	} {
		s, f := newSource(), newFake(t)
		s.file("a", []byte("hello"))
		f.unchecking = test.unchecking
		o := testOptions(t, memDisk())
		o.Rules = parseRules(t, `{"version":1,"objects":[{"storage_class":"DEEP_ARCHIVE"}]}`)
		test.set(&o)
		res, err := Run(t.Context(), s, f, o)
		switch {
		case test.refused == "" && (err != nil || !res.Complete),
			test.refused != "" && (err == nil || !strings.Contains(err.Error(), "DEEP_ARCHIVE: such objects cannot be read back") || f.ours() > 0),
			test.refused == "at once" && f.calls > 0:
			t.Errorf("%s: %v, %d objects after %d calls", name, err, f.ours(), f.calls)
		}
	}
}

// TestArchivedThere: an object that is there in an archive class cannot be compared. It has a
// code and an advice of its own, halts nothing, and is left as it is.
func TestArchivedThere(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	s.file("b", []byte("other"))
	f.objects["in/a"] = fakeObject{data: []byte("hello"), key: "in/a"} // no checksum
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "get" && key == "in/a" {
			return false, target.NewError(target.CodeArchived, key, "InvalidObjectState", nil)
		}
		return true, nil
	}
	o := testOptions(t, memDisk())
	var told *target.Error
	o.Problem = func(e *target.Error) { told = e }
	res := mustRun(t, s, f, o)
	if res.Tally.Outcomes[entry.OutcomeConflict] != 1 || res.Tally.Outcomes[entry.OutcomeStored] != 1 || res.Named[target.CodeArchived] != 1 {
		t.Errorf("%+v", res)
	}
	if told == nil || told.Code != target.CodeArchived || !strings.Contains(told.Remedy, "restore") {
		t.Errorf("%v", told)
	}
}

// TestArchivedProbe: a bucket that keeps every object in an archive class is one that nothing
// can be read back from. The store's answers prove as much as before.
func TestArchivedProbe(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "get" && f.objects[key].key != "" {
			return false, target.NewError(target.CodeArchived, key, "InvalidObjectState", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, testOptions(t, memDisk())); !res.Complete || res.Probe.ReadsBack {
		t.Errorf("%+v", res)
	}
}
