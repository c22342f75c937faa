package vfs

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSpaceOf(t *testing.T) {
	for _, c := range []struct {
		name        string
		st          unix.Statfs_t
		free, total int64
	}{
		{"fragments, not blocks", unix.Statfs_t{Bsize: 1 << 20, Frsize: 4096, Blocks: 100, Bavail: 50}, 50 * 4096, 100 * 4096},
		{"no fragment size", unix.Statfs_t{Bsize: 4096, Blocks: 100, Bavail: 50}, 50 * 4096, 100 * 4096},
		{"root has used of its reserve", unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 100, Bavail: math.MaxUint64 - 4}, 0, 100 * 4096},
		{"over what counts can hold", unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: math.MaxUint64, Bavail: math.MaxUint64}, maxSpace, maxSpace},
		{"beyond the sign", unix.Statfs_t{Bsize: 1, Frsize: 1, Blocks: 1 << 63, Bavail: 1 << 63}, maxSpace, maxSpace},
	} {
		if free, total := spaceOf(&c.st); free != c.free || total != c.total {
			t.Errorf("%s: %d of %d bytes free, want %d of %d", c.name, free, total, c.free, c.total)
		}
	}
}

// TestFallBackTwice: of two direct writes that are refused at once, both are made
// again, although the first has given direct I/O up when the second comes.
func TestFallBackTwice(t *testing.T) {
	disk, err := OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer Close(disk)
	file, err := disk.Create("f", CreateOptions{Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := file.(*osFile)
	for i := range 2 {
		if !f.fallBack(unix.EINVAL) {
			t.Errorf("refused call %d is not made again", i)
		}
	}
	if f.fallBack(unix.EIO) || f.Direct() {
		t.Error("another error is made again, or direct I/O is still on")
	}
}
