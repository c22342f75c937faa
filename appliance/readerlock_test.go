package appliance

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// hookFS calls a function before each opening and each reading.
type hookFS struct {
	vfs.FS
	hook *func(name string)
}

func (f hookFS) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	(*f.hook)(name)
	file, err := f.FS.Open(name, o)
	return hookFile{file, name, f.hook}, err
}

type hookFile struct {
	vfs.File
	name string
	hook *func(name string)
}

func (f hookFile) ReadAt(p []byte, off int64) (int, error) {
	(*f.hook)(f.name)
	return f.File.ReadAt(p, off)
}

// TestReadersDoNotWait: while a disk is asked for one pack, what it holds or what the log
// says of it, another file is read to its end.
func TestReadersDoNotWait(t *testing.T) {
	src := smallTree(t, 43, 3<<20)
	second := bytes.Repeat([]byte("another pack's content "), 100_000)
	if err := os.WriteFile(filepath.Join(src, "second"), second, 0o600); err != nil {
		t.Fatal(err)
	}
	want := readTree(t, src)
	r, res := sealedRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 256 << 10}, src)
	hook := func(string) {}
	var disks []Disk
	for _, d := range r.cfg.Disks {
		disks = append(disks, Disk{Name: d.Name, FS: hookFS{d.FS, &hook}})
	}
	rd, err := r.openReader(disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	type file struct {
		*Content
		path string
	}
	var files []file // the paths are looked up, and no pack of content is open
	err = rd.Entries(context.Background(), func(e Entry) error {
		if e.Record.Kind != manifest.KindFile || e.Record.Size == 0 {
			return nil
		}
		c, err := rd.Open(context.Background(), e.Record)
		files = append(files, file{c, e.Record.Path})
		return err
	})
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	read := func(c file) {
		t.Helper()
		b := make([]byte, c.Size())
		if _, err := c.ReadAt(b, 0); err != nil && err != io.EOF || "file "+string(b) != want[c.path] {
			t.Errorf("%s: %d bytes: %v", c.path, len(b), err)
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(b.Size(), a.Size()) })
	first := files[0] // has whole segments: those are not kept decrypted
	read(first)       // its packs stay open
	if err := rd.ReopenLog(); err != nil {
		t.Fatal(err) // with nothing in its cache
	}
	var held string
	met, nested := map[bool]int{}, false
	hook = func(name string) {
		if nested || held != "" {
			return
		}
		met[strings.Contains(name, "/log/")]++
		nested = true
		done := make(chan struct{})
		go func() { defer close(done); read(first) }()
		select {
		case <-done:
			nested = false
		case <-time.After(time.Minute): // that read waits for the one which is under way
			held = name
		}
	}
	for _, c := range files[1:] {
		read(c)
	}
	if held != "" {
		t.Errorf("the reader is locked while %s is read", held)
	}
	if met[true] == 0 || met[false] == 0 {
		t.Errorf("%d reads of the log, %d of packs", met[true], met[false])
	}
}
