package extract

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/appliance/appliancetest"
	"github.com/sledge-io/sledge/appliance/treetest"
	"github.com/sledge-io/sledge/manifest"
)

// TestExtractReportCounts compares the report with what is in the folder, by the
// system's own count: the first time, again, of a part, and with failures.
func TestExtractReportCounts(t *testing.T) {
	src := treetest.Make(t, 5, 150, 100_000)
	must(t, os.Symlink("nowhere", filepath.Join(src, "symlink")))
	must(t, os.WriteFile(filepath.Join(src, "first"), []byte("three names"), 0o644))
	must(t, os.Mkdir(filepath.Join(src, "part"), 0o755))
	for _, name := range []string{"part/second", "third"} {
		must(t, os.Link(filepath.Join(src, "first"), filepath.Join(src, name)))
	}
	r := appliancetest.Seal(t, src, appliancetest.Options{K: 2, M: 1, Disks: 3, Block: 4096})
	rd := r.Reader()
	source, out := count(t, src), t.TempDir()
	for _, again := range []bool{false, true} {
		rep, err := Run(t.Context(), rd, out, Options{Workers: 3})
		have := count(t, out)
		if err != nil || have != source || rep.Entries != have.entries || rep.Bytes != have.bytes || rep.Failed+rep.Skipped+rep.AttributesLost != 0 {
			t.Fatalf("again %v: %v %+v, in the folder %+v, at the source %+v", again, err, rep, have, source)
		}
		var existing uint64
		if again {
			existing = have.entries - folders(t, out)
		}
		if rep.Existing != existing {
			t.Errorf("again %v: %d existing, want %d", again, rep.Existing, existing)
		}
	}
	part := t.TempDir()
	rep, err := Run(t.Context(), rd, part, Options{Prefix: "part/"})
	if have := count(t, part); err != nil || rep.Entries != have.entries || rep.Bytes != have.bytes || have.entries != 2 {
		t.Errorf("of a part: %v %+v, in the folder %+v", err, rep, have)
	}
}

func folders(t *testing.T, root string) (n uint64) {
	t.Helper()
	must(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root {
			n++
		}
		return err
	}))
	return n
}

// TestExtractReportAddsUp: every record is an entry, skipped or failed, once.
func TestExtractReportAddsUp(t *testing.T) {
	for _, workers := range []int{1, 4} {
		rd, m := extractRig(t)
		for i := range 100 {
			m.file(fmt.Sprintf("files/%02d", i), "v1")
			m.link(fmt.Sprintf("further/%02d", i), fmt.Sprintf("files/%02d", i%70), []string{"v1", "v2"}[i%2])
			m.put(manifest.Record{Kind: manifest.KindSkipped, Path: fmt.Sprintf("skipped/%02d", i), Reason: "io"})
			m.put(manifest.Record{Kind: manifest.KindDir, Path: fmt.Sprintf("folders/%02d", i), Mode: 0o755, Remark: "unreadable"})
		}
		m.put(manifest.Record{Kind: manifest.KindDir, Path: "files/03", Mode: 0o755}) // below a file
		out := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(out, "files/05"), 0o755))                           // in the way
		must(t, os.MkdirAll(filepath.Join(out, "folders"), 0o755))                            // not an entry
		must(t, os.WriteFile(filepath.Join(out, "folders/07"), []byte("in the way"), 0o644))  // in the way
		must(t, os.WriteFile(filepath.Join(out, "files/09"), []byte("version 1"), 0o644))     // there already
		must(t, os.MkdirAll(filepath.Join(out, "further"), 0o755))                            // not an entry
		must(t, os.WriteFile(filepath.Join(out, "further/11"), []byte("version 2"), 0o644))   // there already
		must(t, os.WriteFile(filepath.Join(out, "further/12"), []byte("another one"), 0o644)) // in the way
		must(t, os.WriteFile(filepath.Join(out, "further/13"), []byte("version X"), 0o644))   // in the way
		rep, err := extractOld(t, rd, m, out, Options{Workers: workers})
		have := count(t, out)
		if !errors.Is(err, ErrSomeFailed) || rep.Failed != 5 || rep.InTheWay != 4 || rep.Existing != 2 || rep.Skipped != 100 || rep.Remarks != 100 {
			t.Errorf("%v %+v", err, rep)
		}
		if n := uint64(len(m.records)); rep.Entries+rep.Skipped+rep.Failed != n {
			t.Errorf("%d records: %+v", n, rep)
		}
		// Three folders that are no entries, and four names that are in the way.
		if have.entries != rep.Entries+3+4 {
			t.Errorf("%d names in the folder: %+v", have.entries, rep)
		}
		if others := int64(len("in the way") + len("another one") + len("version X")); have.bytes != rep.Bytes+others {
			t.Errorf("%d bytes in the folder, %d of others: %+v", have.bytes, others, rep)
		}
	}
}
