package main

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

// coldCheck is a folder whose files know whether they were forgotten before they
// were read.
type coldCheck struct {
	fs.FS
	mu     sync.Mutex
	shards int // read, of those that were forgotten
	warm   []string
}

type coldCheckFile struct {
	*os.File
	name      string
	of        *coldCheck
	forgotten bool
}

func (c *coldCheck) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &coldCheckFile{File: f.(*os.File), name: name, of: c}, nil
}

func (f *coldCheckFile) note() {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	switch {
	case !f.forgotten:
		f.of.warm = append(f.of.warm, f.name)
	case strings.HasSuffix(f.name, ".shard"):
		f.of.shards++
	}
}

func (f *coldCheckFile) Read(p []byte) (int, error) {
	f.note()
	return f.File.Read(p)
}

func (f *coldCheckFile) ReadAt(p []byte, off int64) (int, error) {
	f.note()
	return f.File.ReadAt(p, off)
}

// TestVerifierReadsDisks: whatever the verifier reads of a disk was forgotten by
// the page cache first, so that the disk answers and not the memory of what was
// written to it.
func TestVerifierReadsDisks(t *testing.T) {
	check := &coldCheck{FS: os.DirFS("../../appliance/testdata/v1/disk0")}
	forget := func(f fs.File) { f.(*coldCheckFile).forgotten = true }
	r, err := fsck.Disks(context.Background(), fsck.Options{Disks: []fsck.Disk{{Name: "disk0", FS: vfs.Forgetting(check, forget)}}})
	if err != nil {
		t.Fatal(err)
	}
	if check.shards == 0 || len(check.warm) > 0 {
		t.Errorf("%d reads of shards, not forgotten: %v; %+v", check.shards, check.warm, r)
	}
}
