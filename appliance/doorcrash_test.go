package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"slices"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/manifest"
)

// doorStep is what a source does before one flush: puts of so many bytes, or -1 for a
// withdrawal, and then further names.
type doorStep struct {
	puts  []doorPut
	links map[string]string
}

type doorPut struct {
	path string
	size int
}

var doorSteps = []doorStep{
	{puts: []doorPut{{"a", 900}, {"b", 70_000}, {"e", 0}}},
	{puts: []doorPut{{"a", 80_000}, {"b", 800}, {"c", 700}}, links: map[string]string{"l": "a", "m": "c"}},
	{puts: []doorPut{{"c", -1}, {"e", -1}, {"d/x", 66_000}, {"d/x", 600}}},
	{puts: []doorPut{{"c/below", 500}, {"l", -1}, {"big", 200_000}}, links: map[string]string{"n": "c/below"}},
}

var doorSource = ingest.SourceID{7}

func doorBody(p doorPut, step int) []byte {
	b := make([]byte, p.size)
	mrand.New(mrand.NewSource(int64(step*1000 + p.size))).Read(b)
	return b
}

// doorModel is what a reader finds after so many steps; also what of the next step may be
// there, by path: every value that it gives.
func doorModel(steps int) (want wantTree, may map[string][]string) {
	want, may = wantTree{}, map[string][]string{}
	for i, s := range doorSteps {
		if i > steps {
			break
		}
		set := func(path, v string) {
			if i == steps {
				may[path] = append(may[path], v)
			} else if v == "" {
				delete(want, path)
			} else {
				want[path] = v
			}
		}
		now := map[string]string{}
		for _, p := range s.puts {
			v := ""
			if p.size >= 0 {
				v = "file " + string(doorBody(p, i))
			}
			now[p.path] = v
			set(p.path, v)
		}
		for name, to := range s.links {
			set(name, now[to])
		}
	}
	return want, may
}

// Run implements ingest.Source: the cursor is the number of steps.
type steppedSource struct{ acked int }

func (s *steppedSource) Run(ctx context.Context, to ingest.Sink, from ingest.Cursor) error {
	at := 0
	if len(from.At) > 0 {
		at = int(from.At[0])
	}
	if at < s.acked {
		return fmt.Errorf("step %d was acknowledged, and the cursor says %d", s.acked, at)
	}
	for i := at; i < len(doorSteps); i++ {
		if err := doorSteps[i].run(ctx, to, i); err != nil {
			return err
		}
		if err := to.Flush(ctx, ingest.Cursor{Source: doorSource, At: []byte{byte(i + 1)}}); err != nil {
			return err
		}
		s.acked = i + 1
	}
	return nil
}

func (s *doorStep) run(ctx context.Context, to ingest.Sink, step int) error {
	refs := map[string]ingest.Ref{}
	for _, p := range s.puts {
		if p.size < 0 {
			if err := to.Withdraw(ctx, p.path); err != nil {
				return err
			}
			continue
		}
		ref, err := to.Put(ctx, ingest.Entry{Path: p.path, Kind: manifest.KindFile, Size: -1, Mode: 0o600}, bytes.NewReader(doorBody(p, step)))
		if err != nil {
			return err
		}
		refs[p.path] = ref
	}
	for name, path := range s.links {
		if err := to.Link(ctx, ingest.Entry{Path: name, Kind: manifest.KindFile, Size: -1}, refs[path]); err != nil {
			return err
		}
	}
	return nil
}

// runDoor runs the source to its end, and closes the door.
func (r *memRig) runDoor(s *steppedSource) error {
	d, err := r.device()
	if err != nil {
		return err
	}
	defer d.Close()
	door, err := d.OpenDoor(context.Background())
	if err != nil {
		return err
	}
	err = ingest.Copy(context.Background(), door.Session(), doorSource, s)
	return errors.Join(err, door.Close(context.Background()))
}

// readDoor seals the device without the absent disks and reads it; cursor is how far the
// source had got before.
func (r *memRig) readDoor(absent []int) (got wantTree, cursor int, err error) {
	r.without(absent...)
	d, err := r.device()
	if err != nil {
		return nil, 0, fmt.Errorf("open: %w", err)
	}
	defer d.Close()
	if at := d.state.cursors[doorSource]; len(at) > 0 {
		cursor = int(at[0])
	}
	o := r.sealOptions()
	o.Ledger, o.Absent, o.Degraded, o.Incomplete = &memLedger{}, absent, true, true
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		return nil, 0, fmt.Errorf("seal: %w", err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		return nil, 0, err
	}
	defer rd.Close()
	got, lost, err := readAll(rd)
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("lost: %v", lost)
	}
	return got, cursor, err
}

// fitsDoor compares what is read with what was acknowledged.
func fitsDoor(got wantTree, cursor, acked int) error {
	if cursor < acked || cursor > acked+1 {
		return fmt.Errorf("step %d was acknowledged, and the cursor says %d", acked, cursor)
	}
	want, may := doorModel(cursor)
	for path, values := range may {
		g, there := got[path]
		if w, ok := want[path]; g == w && there == ok {
			continue
		}
		if !slices.Contains(values, g) {
			return fmt.Errorf("%q has %d bytes after step %d, which nobody gave it there", path, len(g), cursor)
		}
		delete(want, path)
		delete(got, path)
	}
	return want.diff(got)
}

// TestDoorCrash cuts the power at operations of a door, from its opening to its end. What
// was acknowledged is read back with m disks gone, each path has a value that was given to
// it after that, and the source goes on from its cursor to its end.
func TestDoorCrash(t *testing.T) {
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	rig := func() *memRig {
		r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 4, block: 4096, packSize: 128 << 10})
		r.step = time.Millisecond
		return r
	}
	count := rig()
	ops := count.haltAt(0)
	if err := count.runDoor(&steppedSource{}); err != nil {
		t.Fatal(err)
	}
	points := rng.Perm(int(ops()))
	if !long() {
		points = points[:min(24, len(points))]
	}
	for _, p := range points {
		percent, absent := []int{0, 50, 100}[rng.Intn(3)], []int{rng.Intn(4)}
		if err := doorCrashOnce(rig(), rng, int64(p+1), percent, absent); err != nil {
			t.Fatalf("seed %d: op %d of %d, %d %% kept, bay %d away: %v", seed, p+1, ops(), percent, absent[0], err)
		}
	}
	t.Logf("figure: seed %d: %d of %d crash points", seed, len(points), ops())
}

func doorCrashOnce(r *memRig, rng *mrand.Rand, n int64, percent int, absent []int) error {
	s := &steppedSource{}
	r.haltAt(n)
	r.runDoor(s)
	left := r.clone(rng, percent)
	sameSite := *r.rig
	sealed := &memRig{rig: &sameSite}
	sealed.use(left)
	copies := sealed.clone(rng, 100)
	if s.acked == 0 {
		absent = nil // the device may not be prepared on all disks
	}
	got, cursor, err := sealed.readDoor(absent)
	switch {
	case err != nil && s.acked > 0:
		return err
	case err == nil:
		if err := fitsDoor(got, cursor, s.acked); err != nil {
			return err
		}
	}
	r.use(copies)
	if err := r.runDoor(s); err != nil {
		return fmt.Errorf("the source goes on: %w", err)
	}
	if got, cursor, err = r.readDoor(nil); err != nil {
		return err
	}
	return fitsDoor(got, cursor, len(doorSteps))
}
