package appliance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestNoRoom: a file that cannot fit is not begun; those that fit are loaded, and it is
// named.
func TestNoRoom(t *testing.T) {
	l := newLoads(t)
	l.d.Close()
	mems := make([]*vfs.Mem, 3)
	for i := range mems {
		mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 48 << 20})
	}
	l.use(mems)
	l.d = l.mustDevice()
	l.write("a-too-big", strings.Repeat("x", 70<<20))
	l.write("small", "1")
	rep, err := l.load(LoadOptions{})
	if !errors.Is(err, ErrFull) || rep.NoRoomCount != 1 || !slices.Equal(rep.NoRoom, []string{"a-too-big"}) || rep.Status.Entries != 1 {
		t.Fatalf("%v: %+v", err, rep)
	}
	if rep.Status.BodyBytes > 1<<20 {
		t.Errorf("%d bytes were stored of what cannot fit", rep.Status.BodyBytes)
	}
	var held []string
	err = l.d.Holdings(context.Background(), func(h Holding) error { held = append(held, string(h.State)+" "+h.Path); return nil })
	if err != nil || !slices.Equal(held, []string{"safe small", "not loaded a-too-big"}) {
		t.Errorf("holdings: %v, %q", err, held)
	}
	l.tree.Remove("a-too-big")
	rep = l.must(LoadOptions{})
	if rep.Scan.Gone != 0 || rep.SkippedCount > 1 {
		t.Errorf("%+v", rep)
	}
	l.sealed(wantTree{"small": "file 1"})
}

// TestFullOfRecords: entries without bytes fill a device, too; what is committed can
// always be sealed.
func TestFullOfRecords(t *testing.T) {
	for _, k := range []int{1, 2} {
		l := newLoads(t)
		l.d.Close()
		l.memRig = newMemRig(t, rigOptions{k: k, m: 1, disks: k + 1, block: 4096, packSize: 4 << 20})
		l.step = time.Second
		mems := make([]*vfs.Mem, k+1)
		for i := range mems {
			mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 40 << 20})
		}
		l.use(mems)
		l.d = l.mustDevice()
		folder := strings.Repeat(strings.Repeat("n", 250)+"/", 15)
		for i := range 3000 {
			l.write(folder+strings.Repeat("e", 1+i%200)+string(rune('a'+i/200)), "")
		}
		l.want = wantTree{}
		rep, err := l.load(LoadOptions{AcceptFindings: true})
		if !errors.Is(err, ErrFull) || rep.Status.Entries == 0 {
			t.Fatalf("k %d: %v", k, err)
		}
		l.d.Close()
		l.d = l.mustDevice()
		o := l.sealOptions()
		o.Incomplete = true
		res, err := l.d.Seal(context.Background(), o)
		if err != nil {
			t.Fatalf("k %d: %v", k, err)
		}
		if got := res.Totals; got.Entries() != rep.Status.Entries || got.ScanEntries <= got.Entries() || res.Statement.ScanComplete {
			t.Errorf("k %d: safe were %d entries, totals %+v", k, rep.Status.Entries, got)
		}
	}
}
