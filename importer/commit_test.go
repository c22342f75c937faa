package importer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/receipt/sign"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func TestCommitMarker(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	res := mustRun(t, s, f, testOptions(t, disk))
	job := []byte("the job file")
	marker, err := CommitMarker(disk, res.Receipts, job, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := CommitMarker(disk, res.Receipts, job, testKey); err != nil || !bytes.Equal(again, marker) {
		t.Errorf("made again: %v, other bytes", err)
	}
	var c sign.CommitStatement
	st, _, err := manifest.OpenStatement(marker, manifest.PredicateCommit, &c, testKey.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	want := manifest.SHA256Subject("checkpoint", res.Checkpoint)
	if len(st.Subject) != 1 || st.Subject[0].Digest["sha256"] != want.Digest["sha256"] {
		t.Errorf("subject %v, want %v", st.Subject, want)
	}
	if !c.Complete || !receipt.NamesRun(c.Run, "run-1") || c.Objects != 8 || c.Bytes != res.Tally.Bytes || c.Target != "s3://bucket/in/" ||
		c.ManifestSize != s.Checkpoint().Size || !c.Finished.Equal(res.Finished) || !bytes.Equal(c.JobFile, job) {
		t.Errorf("%+v", c)
	}
}

// Receipts that do not belong together make no marker.
func TestCommitMarkerRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, disk vfs.FS)
	}{
		{"no total", func(t *testing.T, disk vfs.FS) { disk.Remove("receipts/total.dsse") }},
		{"no checkpoint", func(t *testing.T, disk vfs.FS) { disk.Remove("receipts/log/checkpoint") }},
		{"another checkpoint", func(t *testing.T, disk vfs.FS) {
			cp, err := manifest.SignCheckpoint("sledge/x/import/run-1", 7, [32]byte{}, testKey)
			if err == nil {
				err = durable.WriteFile(disk, "receipts/log/checkpoint", cp)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk := memDisk()
			res := mustRun(t, mixed(), newFake(t), testOptions(t, disk))
			tt.spoil(t, disk)
			if _, err := CommitMarker(disk, res.Receipts, []byte("job"), testKey); err == nil {
				t.Error("a marker was made")
			}
		})
	}
	disk := memDisk()
	res := mustRun(t, mixed(), newFake(t), testOptions(t, disk))
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{77}, 32))
	if _, err := CommitMarker(disk, res.Receipts, []byte("job"), other); err == nil {
		t.Error("another key made a marker of these receipts")
	}
}

// TestCommitted: what a run's marker commits is changed by no start of that run that has
// not ended, however far it came; where it has, there is nothing to do.
func TestCommitted(t *testing.T) {
	committed := func(context.Context, *CommitStore) (bool, error) { return true, nil }
	for name, options := range map[string]func(vfs.FS) Options{
		"journal in the folder": func(disk vfs.FS) Options { return testOptions(t, disk) },
		"journal in the target": taking,
	} {
		t.Run(name, func(t *testing.T) {
			soon(t, time.Hour)
			s, f, halfway, done := mixed(), newFake(t), memDisk(), memDisk()
			f.hook = func(_ int, call, key string) (bool, error) {
				if call == "complete" && key == "in/big" {
					return false, target.NewError(target.CodeAccessDenied, "", "", nil)
				}
				return true, nil
			}
			if _, err := Run(t.Context(), s, f, options(halfway)); !target.HasCode(err, target.CodeAccessDenied) {
				t.Fatal(err)
			}
			f.hook = nil
			if res := mustRun(t, s, f, options(done)); !res.Complete {
				t.Fatalf("%+v", res)
			}
			was := f.objects["in/a"]
			delete(f.objects, "in/a")
			calls := f.calls
			for state, disk := range map[string]vfs.FS{"no": memDisk(), "a half-done": halfway} {
				o := options(disk)
				o.Committed = committed
				if _, err := Run(t.Context(), s, f, o); !errors.Is(err, ErrCommitted) {
					t.Errorf("%s run in the folder: %v", state, err)
				}
			}
			o := options(done)
			o.Committed = committed
			if f.calls != calls {
				t.Errorf("%d calls", f.calls-calls)
			}
			// One that has ended looks whether its objects are there, and does nothing else.
			changes := f.changes()
			if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) || f.changes() != changes {
				t.Errorf("%d changes: %v", f.changes()-changes, err)
			}
			f.objects["in/a"] = was
			if res := mustRun(t, s, f, o); !res.Earlier || f.changes() != changes {
				t.Errorf("%d changes, %+v", f.changes()-changes, res)
			}
		})
	}
}

// TestCommittedAskedAgain: a store that is busy for a moment is asked again whether the run is
// committed; where it does not tell, nothing begins.
func TestCommittedAskedAgain(t *testing.T) {
	for _, busy := range []int{2, 1 << 20} {
		s, m := mixed(), &markerFaults{fakeTarget: newFake(t), busy: busy}
		o := testOptions(t, memDisk())
		o.Marker = testMarker
		o.Committed = func(ctx context.Context, at *CommitStore) (bool, error) {
			_, err := at.Read(ctx)
			if target.IsNotFound(err) {
				err = nil
			}
			return false, err
		}
		res, err := Run(t.Context(), s, m, o)
		if busy < 10 && (err != nil || !res.Complete) || busy > 10 && (!target.HasCode(err, target.CodeThrottled) || m.calls > 0) {
			t.Errorf("%d times busy: %v, %d calls", busy, err, m.calls)
		}
	}
}
