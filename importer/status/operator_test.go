package status

import (
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestOperator: each word is heard once, by whatever clock it was said; a stop of before the
// start is none of it, and a pause of before holds.
func TestOperator(t *testing.T) {
	disk, now := vfs.NewMem(vfs.MemOptions{}), time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)
	ask := func(w Want, at time.Duration) {
		t.Helper()
		if err := WriteControl(disk, "", Control{Want: w, At: now.Add(at)}); err != nil {
			t.Fatal(err)
		}
	}
	var o Operator
	hears := func(want Want) {
		t.Helper()
		c, ok := o.Hear(disk, "")
		if ok != (want != "") || ok && c.Want != want {
			t.Errorf("heard %q, %v, instead of %q", c.Want, ok, want)
		}
	}
	hears("")
	ask(WantStop, time.Hour)
	o.Before(disk, "")
	hears("")
	ask(WantPause, -time.Hour)
	hears(WantPause)
	hears("")
	ask(WantStop, time.Hour) // the same bytes as before the start
	hears("")
	ask(WantStop, -2*time.Hour)
	hears(WantStop)

	ask(WantPause, 0)
	var next Operator
	next.Before(disk, "")
	o = next
	hears(WantPause)
}

// TestLast: what another run has told is not this one's, and a process from before the field
// Changed says the same by its halt.
func TestLast(t *testing.T) {
	f := Folder{Disk: vfs.NewMem(vfs.MemOptions{}), Run: "run-1"}
	if _, ok := f.Last(); ok {
		t.Error("nothing was told, and something is read")
	}
	if err := f.Write(Status{Version: Version, Run: "run-1", Attempt: 2}); err != nil {
		t.Fatal(err)
	}
	if was, ok := f.Last(); !ok || was.Attempt != 2 {
		t.Errorf("%+v, %v", was, ok)
	}
	f.Run = "run-2"
	if _, ok := f.Last(); ok {
		t.Error("another run's status is taken for this one's")
	}
}
