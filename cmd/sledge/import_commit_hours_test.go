package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestMarkerWaits: outside of its run's hours, and while that is paused, a commit marker is
// neither looked for nor signed nor written.
func TestMarkerWaits(t *testing.T) {
	hours, err := importer.ParseHours("19:00-07:00")
	if err != nil {
		t.Fatal(err)
	}
	noon := func() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.Local) }
	for name, o := range map[string]importer.Options{
		"hours":  {Hours: hours, Now: noon},
		"paused": {StatusEvery: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			o.Marker, o.StateDir = "READY", vfs.NewMem(vfs.MemOptions{})
			if err := importer.WriteControl(o.StateDir, "", importer.Control{Want: importer.WantPause, At: time.Now()}); err != nil {
				t.Fatal(err)
			}
			d := &endedImport{o: o, result: &importer.Result{Receipts: "receipts"}} // without a target: a request would panic
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := d.commit(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) < time.Minute {
				t.Errorf("%s: commit ended after %v: %v", name, time.Since(begun), err)
			}
			if name == "paused" {
				return // the run hears of it by itself
			}
			again, cancelAgain := context.WithTimeout(t.Context(), time.Minute)
			defer cancelAgain()
			if err := d.unmarked(again); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: a look at the marker ended: %v", name, err)
			}
		})
	}
}
