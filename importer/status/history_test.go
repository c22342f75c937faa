package status

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// writeCounter counts what is written, and where the first byte of it is.
type writeCounter struct {
	vfs.FS
	bytes   int64
	creates int
	before  int64 // bytes written over what was there
}

type countedFile struct {
	vfs.File
	c *writeCounter
}

func (c *writeCounter) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	f, err := c.FS.Open(name, o)
	return countedFile{f, c}, err
}

func (c *writeCounter) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	c.creates++
	f, err := c.FS.Create(name, o)
	return countedFile{f, c}, err
}

func (f countedFile) WriteAt(p []byte, off int64) (int, error) {
	if size, err := f.Size(); err == nil {
		f.c.before += max(0, size-off)
	}
	n, err := f.File.WriteAt(p, off)
	f.c.bytes += int64(n)
	return n, err
}

// TestHistoryIsAppended: a point costs its own line, whatever stands there already; what
// stands there is not written again until the file is too long.
func TestHistoryIsAppended(t *testing.T) {
	disk := &writeCounter{FS: vfs.NewMem(vfs.MemOptions{})}
	var want string
	for i := range 2000 {
		line := fmt.Sprintf("point %d %s\n", i, strings.Repeat("x", i%50))
		want += line
		if err := appendLine(disk, HistoryName, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := vfs.ReadFile(disk, HistoryName, maxFile)
	if err != nil || string(got) != want {
		t.Errorf("%d bytes of %d: %v", len(got), len(want), err)
	}
	if disk.creates != 1 || disk.before > 0 || disk.bytes != int64(len(want)) {
		t.Errorf("%d files made, %d bytes written for %d, %d of them over others", disk.creates, disk.bytes, len(want), disk.before)
	}
}

// TestHistoryAfterCrash: a line that was cut off spoils no other.
func TestHistoryAfterCrash(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	for _, line := range []string{"one\n", "tw"} {
		if err := appendLine(disk, HistoryName, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := appendLine(disk, HistoryName, []byte("three\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := vfs.ReadFile(disk, HistoryName, maxFile); err != nil || string(got) != "one\ntw\nthree\n" {
		t.Errorf("%q: %v", got, err)
	}
}

// TestHistoryIsThinned: over a mebibyte every second line goes, and the last one stays.
func TestHistoryIsThinned(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	long := bytes.Repeat([]byte("a line of sixteen bytes or so\n"), historyMost/30+1)
	if err := Replace(disk, HistoryName, long); err != nil {
		t.Fatal(err)
	}
	if err := appendLine(disk, HistoryName, []byte("last\n")); err != nil {
		t.Fatal(err)
	}
	got, err := vfs.ReadFile(disk, HistoryName, maxFile)
	if err != nil || len(got) > len(long)/2+40 || !bytes.HasSuffix(got, []byte("so\nlast\n")) {
		t.Errorf("%d bytes of %d, at last %q: %v", len(got), len(long), got[max(0, len(got)-20):], err)
	}
}
