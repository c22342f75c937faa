package appliance

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// oddTree is a tree in memory whose file system tells what it likes. Functions
// that are nil change nothing.
type oddTree struct {
	*vfs.MemTree
	info func(path string, i *vfs.Info)                      // every stat
	data func(path string, off, size int64) (from, to int64) // what SEEK_DATA tells
	open func(path string) error                             // of files
}

func newOddTree(v vfs.Volume) *oddTree {
	t := &oddTree{MemTree: vfs.NewMemTree(nil)}
	t.SetVolume(v)
	return t
}

func (t *oddTree) OpenDir(path string) (vfs.Dir, error) {
	d, err := t.MemTree.OpenDir(path)
	if path != "" {
		path += "/"
	}
	return oddDir{d, t, path}, err
}

func (t *oddTree) told(path string, i vfs.Info, err error) (vfs.Info, error) {
	if t.info != nil && err == nil {
		t.info(path, &i)
	}
	return i, err
}

type oddDir struct {
	vfs.Dir
	t    *oddTree
	path string
}

func (d oddDir) Stat(name string) (vfs.Info, error) {
	i, err := d.Dir.Stat(name)
	return d.t.told(d.path+name, i, err)
}

func (d oddDir) StatFresh(name string) (vfs.Info, error) { return d.Stat(name) }

func (d oddDir) Open(name string) (vfs.TreeFile, error) {
	if d.t.open != nil {
		if err := d.t.open(d.path + name); err != nil {
			return nil, err
		}
	}
	f, err := d.Dir.Open(name)
	return oddFile{f, d.t, d.path + name}, err
}

type oddFile struct {
	vfs.TreeFile
	t    *oddTree
	path string
}

func (f oddFile) Stat() (vfs.Info, error) {
	i, err := f.TreeFile.Stat()
	return f.t.told(f.path, i, err)
}

func (f oddFile) Data(off, size int64) (from, to int64) {
	if f.t.data == nil {
		return f.TreeFile.Data(off, size)
	}
	return f.t.data(f.path, off, size)
}

var (
	stableVolume = vfs.Volume{FS: "ext4", ID: "uuid:a", Root: "ino:2", StableInodes: true, TrustHoles: true}
	fuseVolume   = vfs.Volume{FS: "fuse.any", Root: "path:/", Remote: true}
	zfsVolume    = vfs.Volume{FS: "zfs", ID: "fsid:a", Root: "ino:2", StableInodes: true}
)

// loadTree loads a tree and seals; it gives what the load said, the records, and
// what reads back.
func loadTree(t *testing.T, tree vfs.Tree, o LoadOptions) (*LoadReport, map[string]*manifest.Record, wantTree) {
	t.Helper()
	r := small32(t)
	o.Tree = tree
	rep := r.loadAll("/odd", o)
	records := map[string]*manifest.Record{}
	rd, err := r.openReader(r.cfg.Disks, r.sealAll().Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	err = rd.Entries(context.Background(), func(e Entry) error {
		records[e.Record.Path] = e.Record
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, lost, err := readAll(rd)
	if err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	return rep, records, got
}
