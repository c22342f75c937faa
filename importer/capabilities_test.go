package importer

import (
	"context"
	"reflect"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCapabilitiesForwarded: whatever wraps a target or a state folder has every capability of it
// by being one. Of the methods that a run calls none is found by a type assertion.
func TestCapabilitiesForwarded(t *testing.T) {
	var to target.Target = struct{ target.Target }{&s3.Bucket{}}
	if got := to.Capabilities(); got != (&s3.Bucket{}).Capabilities() {
		t.Errorf("%+v", got)
	}
	all := reflect.ValueOf((&s3.Bucket{}).Capabilities())
	for i := range all.NumField() {
		if _, ok := reflect.TypeFor[target.Target]().MethodByName(methodOf(all.Type().Field(i).Name)); !ok || !all.Field(i).Bool() {
			t.Errorf("%s is no method of a target", all.Type().Field(i).Name)
		}
	}
	taken := &takenFrom{imaging: imaging{FS: memDisk()}}
	taken.taken.Store(true)
	var state StateFolder = struct{ StateFolder }{taken}
	if err := heldBy(state)(); !target.HasCode(err, target.CodeTakenOver) {
		t.Errorf("a wrapper of a folder that was taken over: %v", err)
	}
	if _, ok := any(struct{ vfs.FS }{taken}).(StateFolder); ok {
		t.Error("a wrapper that does not forward Held is a state folder")
	}
}

// methodOf is the method of a capability.
func methodOf(name string) string {
	if name == "ListUploads" {
		return "ListUploadsBelow"
	}
	return name
}

// TestPlain: a target without capabilities is refused where one is needed, and is asked nothing
// that it cannot do.
func TestPlain(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	if res := mustRun(t, s, plainTarget{f}, testOptions(t, memDisk())); !res.Complete {
		t.Errorf("%+v", res)
	}
	o := testOptions(t, memDisk())
	o.JournalInTarget = true
	if _, err := Run(t.Context(), s, plainTarget{f}, o); !target.HasCode(err, target.CodeRefused) {
		t.Errorf("a journal in a target that lists nothing: %v", err)
	}
}

// plainTarget takes all capabilities from a store.
type plainTarget struct{ *fakeTarget }

func (p plainTarget) Capabilities() target.Capabilities { return target.Capabilities{} }

func (p plainTarget) List(context.Context, string, string) ([]target.Listed, string, error) {
	p.t.Error("it was asked for a list")
	return nil, "", target.Cannot("List")
}
