package appliance

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestSideFilesComeBack: a disk fails between a shard and the shard's copies of the
// hash list, and works again in the next session, as after a power cut that did not
// meet all disks at once. The shard counts, so its copies have to be there when the
// device is sealed.
func TestSideFilesComeBack(t *testing.T) {
	src := smallTree(t, 51, 300<<10)
	for _, name := range []string{"*.hashes", "*.piece"} {
		r := small32(t)
		r.step, r.cfg.Workers = 0, 1 // one pack
		r.mustDevice().Close()
		r.cfg.Disks[1].FS = vfs.NewFault(r.mems[1], vfs.Rule{Op: vfs.OpCreate, Path: name, Nth: 1, Times: 1000, Err: syscall.EIO})
		d := r.mustDevice()
		rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
		d.Close()
		if err != nil || len(rep.FailedDisks) != 1 {
			t.Fatalf("%s: %v, failed %v", name, err, rep.FailedDisks)
		}
		r.use(r.mems)
		r.sealAll()
		for i, m := range r.mems {
			files := memFiles(t, m)
			for file := range files {
				if !strings.HasSuffix(file, ".shard") {
					continue
				}
				base := strings.TrimSuffix(file, ".shard")
				for _, side := range []string{base + ".piece", base[:len(base)-3] + ".hashes"} {
					if _, ok := files[side]; !ok {
						t.Errorf("%s: disk %d has %s and not %s", name, i, file, side)
					}
				}
			}
		}
	}
}
