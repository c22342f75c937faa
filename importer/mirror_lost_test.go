package importer

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
)

// TestMirrorLost: what a look finds is told as it is. The next lease, taken by the run itself
// at that moment, is nobody else's; one that is gone has no holder, and is lost for good.
func TestMirrorLost(t *testing.T) {
	f := newFake(t)
	r, _, err := newRun(t.Context(), mixed(), f, mirrored(nil, memDisk()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.cancel()
	m, err := newMirror(r)
	if err != nil {
		t.Fatal(err)
	}
	m.id, m.nonce = "this host", "this start"
	if err := m.claim(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}
	if err := m.put(t.Context(), lease.Name(2), m.leaseNow(false), true); err != nil {
		t.Fatal(err)
	}
	if err := m.look(t.Context(), r.calls.Once); err == nil || target.HasCode(err, target.CodeTakenOver) || m.held() != nil {
		t.Errorf("while the next lease is taken: %v, then %v", err, m.held())
	}
	if err := m.claim(t.Context(), 2, false); err != nil {
		t.Fatal(err)
	}
	if err := m.check(t.Context()); err != nil {
		t.Errorf("the next lease: %v", err)
	}
	delete(f.objects, m.prefix+lease.Name(2))
	for range 2 {
		if err := m.look(t.Context(), r.calls.Once); !target.HasCode(err, target.CodeTakenOver) || !strings.Contains(err.Error(), "is not in the target any more") {
			t.Errorf("the lease is gone: %v", err)
		}
	}
}
