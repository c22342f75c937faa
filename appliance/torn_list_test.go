package appliance

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
)

// A crash while a scan list is written may leave a later frame without an
// earlier one on every disk. Nothing was loaded from such a list: the next load
// scans again instead of calling it lost.
func TestTornScanList(t *testing.T) {
	src := t.TempDir()
	r := small32(t)
	d := r.mustDevice()
	f, err := d.newFrameFile(frames.ScanList, d.ordinal)
	if err != nil {
		t.Fatal(err)
	}
	if err := appendList(f, 2, scan.Head{Root: src}); err != nil {
		t.Fatal(err)
	}
	st, err := f.File().On[0].Disk.FS.Stat(f.Name)
	if err != nil {
		t.Fatal(err)
	}
	first := st.Size()
	if err := appendList(f, 2, scan.Head{Root: src}); err != nil {
		t.Fatal(err)
	}
	if err := appendList(f, 3, listTail{}); err != nil {
		t.Fatal(err)
	}
	name := f.Name
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	d.Close()
	for _, m := range r.mems {
		if file, err := m.Open(name, vfs.OpenOptions{Write: true}); err == nil {
			file.WriteAt(make([]byte, 30), first)
			file.Close()
		}
	}
	d = r.mustDevice()
	defer d.Close()
	if _, err := d.Load(context.Background(), src, LoadOptions{AllowEmpty: true}); err != nil {
		t.Fatal(err)
	}
}
