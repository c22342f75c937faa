package appliance

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// tornTree has one file "f" of so many bytes, whose times of change count its changes:
// no two of them fall into one tick of a clock. Its content is changed, in place and
// keeping its size, when it has been read to its end and not been looked at again.
func tornTree(size int, keepMtime bool) *oddTree {
	when := time.Now().Add(-time.Hour)
	tree := newOddTree(stableVolume)
	tree.WriteFile("f", []byte(strings.Repeat("x", size)))
	changes, read := 0, false
	tree.info = func(_ string, i *vfs.Info) {
		i.Mtime, i.Ctime = when, when.Add(time.Duration(changes)*time.Second)
		if !keepMtime {
			i.Mtime = i.Ctime
		}
	}
	tree.OnCall(func(c vfs.TreeCall) error {
		switch {
		case c.Path != "f" || changes > 0:
		case c.Op == vfs.OpRead && c.Offset+c.Length > int64(size):
			read = true
		case c.Op == vfs.OpStat && read:
			changes++
			tree.WriteFile("f", []byte(strings.Repeat("y", size)))
		}
		return nil
	})
	return tree
}

// TestTornRead: a file that was changed while it was read is read again, or is not
// recorded as good: also a small one, which is looked at once only, and also where the
// change keeps size and time, as "touch -r" and "cp -p" do.
func TestTornRead(t *testing.T) {
	for name, test := range map[string]struct {
		size      int
		keepMtime bool
	}{
		"small":             {1000, false},
		"small, time kept":  {1000, true},
		"large":             {100 << 10, false},
		"large, time kept":  {100 << 10, true},
		"larger than units": {3 << 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, records, got := loadTree(t, tornTree(test.size, test.keepMtime), LoadOptions{})
			if want := "file " + strings.Repeat("y", test.size); got["f"] != want && got["f"] != "skipped changed" {
				t.Errorf("recorded with %.12q…, remark %q", got["f"], records["f"].Remark)
			}
		})
	}
}

// TestLinkToAnotherFile: a further name of a file that another file has taken since the
// scan, and whose inode number that one was given, gets that one's content.
func TestLinkToAnotherFile(t *testing.T) {
	when := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(i *vfs.Info){
		"another size":      func(*vfs.Info) {},
		"another mtime":     func(i *vfs.Info) { i.Mtime = when.Add(time.Second) },
		"another ctime":     func(i *vfs.Info) { i.Ctime = when.Add(time.Second) },
		"both times differ": func(i *vfs.Info) { i.Mtime, i.Ctime = when.Add(time.Second), when.Add(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			content := "of another"
			if name != "another size" {
				content = "of b"
			}
			taken := false
			tree := newOddTree(stableVolume)
			tree.WriteFile("a", []byte("of a"))
			if err := tree.Link("a", "b"); err != nil {
				t.Fatal(err)
			}
			tree.info = func(path string, i *vfs.Info) {
				i.Ino, i.Mtime, i.Ctime = 7, when, when
				if path == "b" && taken {
					change(i)
				}
			}
			take := func() error {
				taken = true
				tree.Remove("b")
				tree.WriteFile("b", []byte(content))
				return nil
			}
			_, records, got := loadTree(t, tree, LoadOptions{Begin: take})
			if got["a"] != "file of a" || got["b"] != "file "+content && got["b"] != "skipped changed" || records["b"].Kind == manifest.KindHardlink {
				t.Errorf("a %q, b %q, of kind %d", got["a"], got["b"], records["b"].Kind)
			}
		})
	}
}
