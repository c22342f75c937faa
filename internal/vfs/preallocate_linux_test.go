package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"testing"
)

// TestPreallocateTooMuch fills a file system of its own: ext4 takes all that is free
// before it finds that this is too little, and everybody else's writes fail meanwhile.
func TestPreallocateTooMuch(t *testing.T) {
	fsys, err := OS(loopMount(t, "ext4", "16M"))
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.(io.Closer).Close() // the file system is unmounted then
	if _, err := fsys.Create("f", CreateOptions{Preallocate: 64 << 20}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("preallocated more than there is: %v", err)
	}
	if _, err := fsys.Stat("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that could not be preallocated stayed: %v", err)
	}
}
