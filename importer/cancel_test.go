package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// deleting is a store that lets the run's objects be deleted.
type deleting struct{ *fakeTarget }

func (d deleting) Delete(_ context.Context, key, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.objects, key)
	return nil
}

// TestCancelLostPage: with a page that cannot be read, Cancel says so, and that an
// upload of its entries is left; with the page it goes on.
func TestCancelLostPage(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	ctx, cancel := context.WithCancel(context.Background())
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/big" && call == "part" {
			cancel()
		}
		return true, nil
	}
	Run(ctx, s, f, o)
	f.hook = nil
	if len(f.uploads) != 1 {
		t.Fatalf("%d uploads", len(f.uploads))
	}
	out, err := Cancel(context.Background(), &pagedSource{fakeSource: s, lost: map[uint64]bool{0: true}}, f, o, false)
	if !target.HasCode(err, target.CodePageLost) || out == nil || out.Uploads != 1 || out.Aborted != 0 {
		t.Errorf("without the page: %+v, %v", out, err)
	}
	out, err = Cancel(context.Background(), s, f, o, false)
	if err != nil || out.Uploads != 0 || out.Aborted != 1 || len(f.uploads) != 0 {
		t.Errorf("with it: %+v, %v", out, err)
	}
}

func splitLines(text []byte) [][]byte { return slices.Collect(bytes.Lines(text)) }

func canceledLines(t *testing.T, disk vfs.FS, name string) (whats []string) {
	t.Helper()
	text, err := vfs.ReadFile(disk, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range splitLines(text) {
		var l CanceledLine
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		whats = append(whats, l.What+" "+l.Key)
	}
	slices.Sort(whats)
	return whats
}

// TestCancelDeletes: the objects of a run are left, then deleted, also those that were
// cut anew for the target; each call's list stays.
func TestCancelDeletes(t *testing.T) {
	for name, limit := range map[string]string{
		"as the manifest": "",
		"one part":        `"max_parts":1`,
		"smaller parts":   `"max_part":"6 MiB"`,
	} {
		t.Run(name, func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := onTape(t, testOptions(t, disk), limit)
			mustRun(t, s, f, o)
			out, err := Cancel(context.Background(), s, f, o, false)
			if err != nil || out.Left != 8 || out.Changed+out.Failed != 0 || out.List != "canceled.jsonl" {
				t.Errorf("%+v, %v", out, err)
			}
			f.objects["in/a"] = fakeObject{data: []byte("jello"), sha256: target.Encode64(sum([]byte("jello"))), kind: "FULL_OBJECT", metadata: f.objects["in/a"].metadata}
			out, err = Cancel(context.Background(), s, deleting{f}, o, true)
			if err != nil || out.Deleted != 7 || out.Changed != 1 || out.Failed != 0 || len(f.objects) != 1 {
				t.Errorf("deleted: %+v, %v, %d objects", out, err, len(f.objects))
			}
			if out, err = Cancel(context.Background(), s, deleting{f}, o, true); err != nil || out.Deleted != 0 || out.Changed != 1 {
				t.Errorf("again: %+v, %v", out, err)
			}
			if lines := canceledLines(t, disk, "canceled.jsonl"); len(lines) != 8 || lines[0] != "left in/a" {
				t.Errorf("the first list: %q", lines)
			}
			if lines := canceledLines(t, disk, "canceled-2.jsonl"); len(lines) != 8 || lines[0] != "changed in/a" || lines[1] != "deleted in/b.empty" {
				t.Errorf("the second list: %q", lines)
			}
		})
	}
}

// TestCancelUnjournalled: a process dies after an object that was cut anew, and before
// its outcome is journalled. Cancel knows it by its content.
func TestCancelUnjournalled(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := onTape(t, testOptions(t, disk), `"max_part":"6 MiB"`)
	var crashed vfs.FS
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/big" && call == "complete" {
			crashed = disk.CrashClone(newRand(1), 100)
		}
		return true, nil
	}
	mustRun(t, s, f, o)
	f.hook = nil
	o = onTape(t, testOptions(t, crashed), `"max_part":"6 MiB"`)
	if _, err := Cancel(context.Background(), s, deleting{f}, o, true); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.objects["in/big"]; ok {
		t.Error("the object is still there")
	}
}

// TestCancelStatus: whoever looks at a run that was given up is told so.
func TestCancelStatus(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.StatusEvery = time.Millisecond
	mustRun(t, s, f, o)
	if _, err := Cancel(context.Background(), s, f, o, false); err != nil {
		t.Fatal(err)
	}
	text, err := vfs.ReadFile(disk, status.Name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var st status.Status
	if err := json.Unmarshal(text, &st); err != nil || st.State != request.StateCanceled || st.Progress.Entries != 9 || st.Outcomes[entry.OutcomeStored] != 8 {
		t.Errorf("%s, %v", text, err)
	}
	history, err := vfs.ReadFile(disk, status.HistoryName, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	lines, last := splitLines(history), status.Point{}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last.State != request.StateCanceled || last.Entries != 9 {
		t.Errorf("%s, %v", lines[len(lines)-1], err)
	}
}
