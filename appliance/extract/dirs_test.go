package extract

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// TestExtractFolderAttributes: every folder has its time and mode in the end, however
// many there are, with files and links written into it at any time.
func TestExtractFolderAttributes(t *testing.T) {
	for _, limit := range []int{0, 3, maxDirs} {
		rd, m := extractRig(t)
		at := time.Unix(1_000_000_000, 0)
		want := map[string]time.Time{}
		for i, path := range []string{"a", "a/b", "a/b/c", "a/b-", "a/d", "e", "e/f", "taken"} {
			want[path] = at.Add(time.Duration(i) * time.Hour)
			m.put(manifest.Record{Kind: manifest.KindDir, Path: path, Mode: 0o555, Mtime: want[path]})
			if path != "taken" {
				m.file(path+"/file", "v1")
				m.link(path+"/link", "v2", "v2")
			}
		}
		m.file("v", "v1")
		m.put(manifest.Record{Kind: manifest.KindDir, Path: "v", Mode: 0o555, Mtime: at}) // below a file
		out := t.TempDir()
		must(t, os.WriteFile(filepath.Join(out, "taken"), nil, 0o600))
		rep, _ := extractOld(t, rd, m, out, Options{Workers: 3}, func(x *extractor) { x.dirs.limit = limit })
		if rep.Failed != 2 || rep.AttributesLost != 0 || rep.InTheWay != 1 {
			t.Errorf("limit %d: %+v", limit, rep)
		}
		delete(want, "taken")
		for path, mtime := range want {
			fi, err := os.Lstat(filepath.Join(out, path))
			if err != nil || !fi.ModTime().Equal(mtime) || fi.Mode().Perm() != 0o555 {
				t.Errorf("limit %d: %s: %v, %s", limit, path, err, fmt.Sprint(fi.Mode(), fi.ModTime(), " want ", mtime))
			}
			must(t, os.Chmod(filepath.Join(out, path), 0o755)) // so that it can be removed
		}
	}
}
