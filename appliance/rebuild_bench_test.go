package appliance

import (
	"context"
	"crypto/ed25519"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// BenchmarkRebuild writes one of 8+3 disks again. Bytes are those that must be
// read, eight blocks a stripe; "of-scrub" is their rate as a share of that at
// which a scrub of all 11 disks, in turn with it, reads. TMPDIR says what is measured:
//
//	TMPDIR=/dev/shm go test -run '^$' -bench Rebuild -benchtime 5x ./appliance
func BenchmarkRebuild(b *testing.B) {
	const count, size = 8, 96 << 20
	src := b.TempDir()
	rng := mrand.NewChaCha8([32]byte{1})
	buf := make([]byte, size)
	for i := range count {
		rng.Read(buf)
		if err := os.WriteFile(filepath.Join(src, fmt.Sprint(i)), buf, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20, digest: "parts"})
	r.load(src)
	label := r.seal().Label
	os.RemoveAll(src)
	trust := &fsck.Trust{Key: r.signer.Public().(ed25519.PublicKey)}
	var disks []fsck.Disk
	for _, dir := range r.dirs {
		disks = append(disks, fsck.Disk{Name: dir, FS: os.DirFS(dir)})
	}
	for _, bay := range []int{0, 4, 8} {
		b.Run(fmt.Sprintf("bay=%d", bay), func(b *testing.B) {
			b.SetBytes(count * size)
			var scrub, wall time.Duration
			for b.Loop() {
				b.StopTimer()
				began := time.Now()
				if rep, err := fsck.Disks(context.Background(), fsck.Options{Disks: disks, Trust: trust, Label: label}); err != nil || rep.Verdict != fsck.VerdictClean {
					b.Fatal(rep, err)
				}
				scrub += time.Since(began)
				dir := b.TempDir()
				b.StartTimer()
				began = time.Now()
				r.rebuildOnto(b, bay, dir)
				wall += time.Since(began)
				b.StopTimer()
				os.RemoveAll(dir)
				runtime.GC()
				b.StartTimer()
			}
			b.ReportMetric(float64(scrub)*8/11/float64(wall), "of-scrub")
		})
	}
}

func (r *rig) rebuildOnto(b *testing.B, bay int, dir string) {
	disk, err := vfs.OS(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer vfs.Close(disk)
	o := rebuild.Options{Signer: r.signer.Public().(ed25519.PublicKey), Bay: bay, Onto: Disk{Name: dir, FS: disk}, Rand: func() (manifest.ID, error) { return manifest.ID{9}, nil }}
	if _, err := rebuild.Run(context.Background(), r.disks(bay), o); err != nil {
		b.Fatal(err)
	}
}
