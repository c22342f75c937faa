package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// oneAttribute is the length of the value of the only one.
type oneAttribute int

func (oneAttribute) List(dest []byte) (int, error)            { return copy(dest, "user.x\x00"), nil }
func (a oneAttribute) Get(_ string, dest []byte) (int, error) { return fits(int(a), dest) }

// fits answers with a length as getxattr(2) does.
func fits(n int, dest []byte) (int, error) {
	if n > len(dest) {
		return -1, unix.ERANGE
	}
	return n, nil
}

// A file's attribute of a size that no record holds is left out and counted; it
// must not end the load.
func TestXattrLimit(t *testing.T) {
	for _, size := range []int{59000, 59990, 60000, 60300, 64 << 10} {
		xs, lost := (&XattrReader{}).Read(oneAttribute(size))
		rec := manifest.Record{Kind: manifest.KindDir, Path: "a", Xattrs: xs}
		if _, err := rec.Encode(); err != nil {
			t.Errorf("%d bytes, %d lost: %v", size, lost, err)
		}
	}
}

// manyAttributes has so many attributes of 50,000 bytes.
type manyAttributes int

func (m manyAttributes) List(dest []byte) (n int, err error) {
	if _, err := fits(int(m)*len("user.000000\x00"), dest); err != nil {
		return -1, err
	}
	for i := range int(m) {
		n += copy(dest[n:], fmt.Sprintf("user.%06d\x00", i))
	}
	return n, nil
}
func (manyAttributes) Get(_ string, dest []byte) (int, error) { return fits(50_000, dest) }

// What is over the limit of one entry's attributes is left out and counted, and the record
// is one that a reader takes.
func TestXattrsLimit(t *testing.T) {
	xs, lost := (&XattrReader{}).Read(manyAttributes(200))
	if len(xs) != 20 || lost != 180 {
		t.Errorf("%d kept, %d lost", len(xs), lost)
	}
	rec := manifest.Record{Kind: manifest.KindDir, Path: "a", Xattrs: xs}
	if _, err := rec.Encode(); err != nil {
		t.Error(err)
	}
}

// Two names that are too long must stay two.
func TestLongNamesStayApart(t *testing.T) {
	s := &Source{Root: "/", prefix: strings.Repeat("p/", 2040)}
	a, b := s.look("", strings.Repeat("a", 100)+"1", nil, nil, nil), s.look("", strings.Repeat("a", 100)+"2", nil, nil, nil)
	if a.Path == b.Path || manifest.CheckPath(a.Path) != nil {
		t.Errorf("%q and %q", a.Path[4000:], b.Path[4000:])
	}
}

// Names of a folder with very many entries spill; the order stays.
func TestHugeFolder(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	for i := range 400 {
		name := fmt.Sprintf("%x", crypto.SumSHA256([]byte{byte(i), byte(i >> 8)}))[:20]
		if i%3 == 0 {
			name += "/x"
		}
		tree.WriteFile(name, nil)
	}
	list := func(keys int) (paths []string) {
		s := open(tree, "/", "")
		s.keys = keys
		spilled := 0
		s.spill = func() *extsort.Sorter {
			spilled++
			return extsort.New(extsort.Config{FS: vfs.NewMem(vfs.MemOptions{}), Dir: "sort", Memory: 1 << 10})
		}
		if err := s.walk(func(it *Item) error { paths = append(paths, it.Path); return nil }); err != nil {
			t.Fatal(err)
		}
		if want := keys / 50; spilled != want {
			t.Errorf("%d names kept: %d folders spilled", keys, spilled)
		}
		return paths
	}
	want := list(0)
	if got := list(50); len(want) != 534 || !slices.Equal(got, want) {
		t.Errorf("%d entries, spilled %d", len(want), len(got))
	}
}
