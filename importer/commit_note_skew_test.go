package importer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMarkerNoteSkew: a host writes its marker, another one takes the run over and writes its own,
// and neither has an answer. The first host's cancel counts from when it has seen the other's note,
// whatever that one's clock says; a second call counts from the same time.
func TestMarkerNoteSkew(t *testing.T) {
	for name, skew := range map[string]time.Duration{"behind": -2 * time.Hour, "even": 0, "ahead": 20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m, disk := newSource(), &markerFaults{fakeTarget: newFake(t)}, memDisk()
				s.file("a", []byte("hello"))
				m.put = func(int, func() (target.Stored, error)) (target.Stored, error) {
					return target.Stored{}, target.Unknown(target.NewError(target.CodeConnectionLost, "", "lost", nil))
				}
				write := func(o Options) {
					t.Helper()
					o.Marker, o.Retries = testMarker, None
					if err := commit(t.Context(), mustRun(t, s, m, o)); !target.IsUnknown(err) {
						t.Fatal(err)
					}
				}
				first, other := taking(disk), taking(memDisk())
				other.Now = func() time.Time { return time.Now().Add(skew) }
				write(first)
				time.Sleep(45 * time.Minute)
				write(other)
				time.Sleep(5 * time.Minute)
				var asked []string
				var until [2]time.Time
				for i := range until {
					out, err := Cancel(t.Context(), s, deleting{m.fakeTarget}, finding(taking(disk), &asked), true)
					if err != nil || len(out.Late) != 1 {
						t.Fatalf("call %d: %+v, %v", i+1, out, err)
					}
					until[i] = out.Late[0].Until
					time.Sleep(5 * time.Minute)
				}
				if left := time.Until(until[0]); left < lateTime || !until[0].Equal(until[1]) {
					t.Errorf("%v after the first call it still counts %v; the second counts until %v, not %v", 10*time.Minute, left, until[1], until[0])
				}
			})
		})
	}
}
