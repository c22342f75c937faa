package appliance

import (
	"errors"
	"testing"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/manifest"
)

// TestUnacknowledgedIsNotRead: what a frame says that could not be made durable is not counted
// by the session that failed to write it.
func TestUnacknowledgedIsNotRead(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	d := r.mustDevice()
	defer d.Close()
	commit := func(n uint64, path string) error {
		var b ingest.Batch
		b.Add(&ingest.Pending{Ordinal: n, Record: manifest.Record{Kind: manifest.KindDir, Path: path}})
		return d.commit(nil, nil, &b, manifest.ID{1})
	}
	if err := commit(0, "safe"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2} { // one copy is left to write
		d.bays[n].Fail(errors.New("does not read back"))
	}
	if err := commit(1, "unsafe"); err == nil {
		t.Fatal("a frame on one of two disks was acknowledged")
	}
	var paths []string
	err := d.eachRecord(func(b []byte) error {
		_, path, _, err := manifest.PeekRecord(b)
		paths = append(paths, path)
		return err
	})
	if err != nil || len(paths) != 1 || paths[0] != "safe" {
		t.Errorf("the journal gives %q: %v", paths, err)
	}
}
