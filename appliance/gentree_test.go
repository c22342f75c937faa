package appliance

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

// genTree makes a site of n tiny files up, in folders of so many names; nothing
// of it is stored anywhere.
type genTree struct {
	n, names int
	volume   string // another one is another file system
}

const (
	genTeam   = "projects/team-%05d/archive"
	genObject = "object-%06d.parquet"
	genSize   = 16
)

func (g genTree) path(i int) string {
	return fmt.Sprintf(genTeam+"/"+genObject, i/g.names, i%g.names)
}

func (g genTree) content(i int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8, genSize), uint64(i))
}

func (g genTree) teams() int { return (g.n + g.names - 1) / g.names }

// entries counts the folders, too: projects, teams, and each team's archive.
func (g genTree) entries() int { return g.n + 2*g.teams() + 1 }

func (g genTree) Close() error { return nil }

func (g genTree) Volume() vfs.Volume {
	return vfs.Volume{FS: "mem", ID: "mem" + g.volume, Root: "ino:1", StableInodes: true, TrustHoles: true}
}

func (g genTree) OpenDir(path string) (vfs.Dir, error) {
	d := genDir{tree: g}
	switch parts := strings.Split(path, "/"); {
	case path == "":
		return d, nil
	case len(parts) <= 3:
		d.depth = len(parts)
		if d.depth > 1 {
			d.team = number(parts[1])
		}
		return d, nil
	}
	return nil, fs.ErrNotExist
}

func (g genTree) Check() (bool, error) { return true, nil }

// number is the run of digits of a generated name.
func number(name string) int {
	_, rest, _ := strings.Cut(name, "-")
	digits, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// genDir is the root, projects, a team or its archive, by depth.
type genDir struct {
	tree        genTree
	depth, team int
}

func (d genDir) Close() error { return nil }

func (d genDir) Names(f func(string, bool) error) error {
	name, count := func(int) string { return [...]string{"projects", "", "archive"}[d.depth] }, 1
	switch d.depth {
	case 1:
		name, count = func(i int) string { return fmt.Sprintf("team-%05d", i) }, d.tree.teams()
	case 3:
		name, count = func(i int) string { return fmt.Sprintf(genObject, i) }, min(d.tree.names, d.tree.n-d.team*d.tree.names)
	}
	for i := range count {
		if err := f(name(i), d.depth < 3); err != nil {
			return err
		}
	}
	return nil
}

var genTime = time.Unix(1_700_000_000, 123456789)

func (d genDir) Stat(name string) (vfs.Info, error) {
	info := vfs.Info{Mode: unix.S_IFDIR | 0o755, UID: 1000, GID: 1000, Mtime: genTime, Ctime: genTime, Ino: 1, Nlink: 1}
	if d.depth == 3 {
		i := number(name)
		if i < 0 || i >= d.tree.names {
			return info, fs.ErrNotExist
		}
		info.Mode, info.Size, info.Allocated, info.Ino = unix.S_IFREG|0o644, genSize, genSize, uint64(2+d.team*d.tree.names+i)
	}
	return info, nil
}

func (d genDir) StatFresh(name string) (vfs.Info, error) { return d.Stat(name) }

func (d genDir) Volume() vfs.Volume { return d.tree.Volume() }

func (d genDir) Open(name string) (vfs.TreeFile, error) {
	info, err := d.Stat(name)
	return genFile{d.tree, info}, err
}

func (d genDir) Readlink(string, int) (string, error) { return "", unix.EINVAL }
func (d genDir) Attributes(string) vfs.Attributes     { return noAttributes{} }

type genFile struct {
	tree genTree
	info vfs.Info
}

func (f genFile) Close() error                          { return nil }
func (f genFile) Stat() (vfs.Info, error)               { return f.info, nil }
func (f genFile) Data(off, size int64) (from, to int64) { return off, size }
func (f genFile) Written() bool                         { return false }
func (f genFile) Attributes() vfs.Attributes            { return noAttributes{} }

func (f genFile) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f.tree.content(int(f.info.Ino - 2))[min(off, genSize):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f genFile) ReadSome(p []byte, off int64) (int, error) {
	return copy(p, f.tree.content(int(f.info.Ino - 2))[min(off, genSize):]), nil
}

type noAttributes struct{}

func (noAttributes) List([]byte) (int, error)        { return 0, nil }
func (noAttributes) Get(string, []byte) (int, error) { return 0, unix.ENODATA }
