package vfs_test

import (
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStd: the standard library's own suite over a disk.
func TestStd(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	must(t, mem.Mkdir("d", 0))
	must(t, mem.Mkdir("d/empty", 0))
	put(t, mem, "a", "content")
	put(t, mem, "d/b", "")
	must(t, fstest.TestFS(vfs.Std(mem), "a", "d/b", "d/empty"))
}
