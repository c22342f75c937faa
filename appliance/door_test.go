package appliance

import (
	"context"
	mrand "math/rand"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/ingest/ingesttest"
)

// doorRig is a device in memory, its door, and what a reader finds behind it.
type doorRig struct {
	*memRig
	rng  *mrand.Rand
	d    *Device
	door *ingest.Door
}

func newDoorRig(t testing.TB) *doorRig {
	r := newMemRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20})
	r.step, r.cfg.Workers = time.Millisecond, 3
	return &doorRig{memRig: r, rng: mrand.New(mrand.NewSource(1))}
}

func (r *doorRig) open(t testing.TB) *ingest.Door {
	t.Helper()
	if r.door == nil {
		r.d = r.mustDevice()
		door, err := r.d.OpenDoor(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		r.door = door
	}
	return r.door
}

func (r *doorRig) Session(t testing.TB) ingest.Sink { return r.open(t).Session() }

// Crash cuts the power; two disks do not come back.
func (r *doorRig) Crash(t testing.TB) {
	if r.door == nil {
		return
	}
	mems := r.clone(r.rng, 0)
	for _, m := range r.mems {
		m.Halt()
	}
	r.door.Close(context.Background())
	r.d.Close()
	r.d, r.door = nil, nil
	r.use(mems)
}

func (r *doorRig) close(t testing.TB) {
	t.Helper()
	if r.door == nil {
		return
	}
	if err := r.door.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := r.d.state.staged.Len(); n > 0 {
		t.Errorf("%d entries are staged after the door was closed", n)
	}
	r.d.Close()
	r.d, r.door = nil, nil
}

// Read seals the device and reads it.
func (r *doorRig) Read(t testing.TB) map[string]string {
	t.Helper()
	r.close(t)
	d := r.mustDevice()
	o := r.sealOptions()
	o.Incomplete = true
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	got, lost, err := readAll(rd)
	if err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	return plainly(got)
}

// plainly is a tree as ingesttest has it.
func plainly(got wantTree) map[string]string {
	out := map[string]string{}
	for path, v := range got {
		kind, rest, _ := strings.Cut(v, " ")
		out[path] = map[string]string{"dir": "/", "link": "→"}[kind] + rest
	}
	return out
}

// TestDoorSink holds a device's door to what Sink says.
func TestDoorSink(t *testing.T) {
	ingesttest.Test(t, func(t testing.TB) ingesttest.Device { return newDoorRig(t) })
}
