package fsck_test

import (
	"bytes"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestHeadersAgree: verifier and reader take the same disk headers.
func TestHeadersAgree(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	if err := disk.Mkdir("sledge", 0o755); err != nil {
		t.Fatal(err)
	}
	tried, taken, told := 0, 0, 0
	fsck.EachHeader(t, func(b []byte, ours error) {
		_ = disk.Remove("sledge/disk.header") // not there at first
		f, err := disk.Create("sledge/disk.header", vfs.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, theirs := appliance.ReadHeader(appliance.Disk{Name: "d", FS: disk})
		tried++
		if ours == nil {
			taken++
		}
		if (ours == nil) != (theirs == nil) && told < 10 {
			told++
			t.Errorf("%x: verifier: %v; reader: %v", bytes.TrimRight(b[:len(b)-8], "\x00"), ours, theirs)
		}
	})
	if taken == 0 {
		t.Error("no header is taken")
	}
	t.Logf("figure: %d headers, %d taken", tried, taken)
}
