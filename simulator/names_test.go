package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/manifest"
)

// hostileName makes one element of a path as no sane program would. Some come in
// twins: what one file system calls the same name.
func hostileName(rng *rand.Rand, n int) []string {
	id := fmt.Sprintf("%05d", n)
	switch rng.IntN(16) {
	case 0:
		return []string{id + strings.Repeat(".", 1+rng.IntN(3)), strings.Repeat(".", 2+rng.IntN(4)) + id}
	case 1:
		return []string{id + "\x00nul"}
	case 2:
		return []string{id + "\u202e" + "fdp.exe", id + "\u2066x\u2069"}
	case 3:
		return []string{id + "é", id + "e\u0301"} // one in NFC, one in NFD
	case 4:
		return []string{id + "Name", id + "NAME", id + "name"}
	case 5:
		return []string{id + "\nsecond line", id + "\r", id + "\ttab"}
	case 6:
		return []string{id + "\x1b[31m\x1b]0;title\x07", id + "\u009b2J", id + "\x7f\b\b\b"}
	case 7:
		return []string{id + "\xff\xfe", id + "\xc3", id + "\xed\xa0\x80"} // not UTF-8
	case 8:
		return []string{id + strings.Repeat("x", 250), id + strings.Repeat("y", 251)} // 255 and 256 bytes
	case 9:
		return []string{id + strings.Repeat("長", 300)}
	case 10:
		return []string{" " + id, id + " ", id + "\u00a0", id + "\u200b"}
	case 11:
		return []string{id + "\\..\\..\\etc", id + ":stream", id + "|pipe?*<>\""}
	case 12:
		return []string{id + "%2e%2e%2f", id + "&amp;", id + "#?a=b", id + "+"}
	case 13:
		return []string{"-" + id, "--" + id, "~" + id, "$(" + id + ")", "`" + id + "`"}
	case 14:
		return []string{id + ".shard", id + ".sledge-probe", "soap" + id, id + "\u2028"}
	}
	return []string{id + string(rune(0x1f600+rng.IntN(60)))}
}

// TestHostileNames takes 10,000 names through scan, load, seal, list, extract and
// import: each comes out byte for byte, or is named as left out; nothing leaves the
// target folder, nothing is overwritten or renamed.
func TestHostileNames(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(11, 12))
	l := newLife(Plan{Seed: 5, Only: []int{}})
	must(t, l.begin(ctx))
	l.model = emptyModel()
	l.promises = nil // names that no manifest can hold are told by others
	total := 0
	folders := []string{""}
	for total < 10000 {
		if total%97 == 0 {
			folder := folders[rng.IntN(len(folders))] + hostileName(rng, total)[0] + "/"
			if len(folder) < 3000 {
				folders = append(folders, folder)
			}
		}
		folder := folders[rng.IntN(len(folders))]
		for _, name := range hostileName(rng, total) {
			l.model.write(folder+name, []byte(name))
			total++
		}
	}
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 5)
	l.model.write(deep+strings.Repeat("e", 19), []byte("1,024 bytes"))
	l.model.write(deep+strings.Repeat("e", 20), []byte("1,025 bytes"))
	l.model.tree.Symlink("../../../../etc/passwd", "link-out")

	rep, err := l.load(ctx, l.set(nil))
	must(t, err)
	left := map[string]bool{}
	for _, s := range rep.Skipped {
		left[s.Path] = true
	}
	t.Logf("figure: %d names: %d loaded, %d left out by name, %d findings, %d block", total, rep.Entries-rep.SkippedCount, rep.SkippedCount, rep.Scan.FindingCount, rep.Scan.Blocking)
	must(t, l.sealClean(ctx))
	rd, err := l.reader(l.set(nil))
	must(t, err)
	defer rd.Close()

	held := map[string]string{}
	must(t, rd.Entries(ctx, func(e appliance.Entry) error {
		content, err := contentOf(e.Record, func() ([]byte, error) { return readEntry(ctx, rd, e.Record) })
		held[e.Record.Path] = content
		return err
	}))
	for path, want := range l.model.now {
		if got := held[path]; got != want && !left[path] && !strings.HasPrefix(got, "skipped ") {
			if under(left, path) || manifest.CheckPath(path) != nil {
				continue // below a folder that was left out as a whole, or named by what can be said of it
			}
			t.Fatalf("%q: held as %.40q, and not named as left out", path, got)
		}
	}
	l.held = held
	testNamesOut(t, l, rd)
	testNamesImported(t, l)
}

func testNamesOut(t *testing.T, l *life, rd *appliance.Reader) {
	t.Helper()
	base := t.TempDir()
	out := filepath.Join(base, "a", "b", "out")
	must(t, os.MkdirAll(filepath.Dir(out), 0o755))
	rep, err := extract.Run(context.Background(), rd, out, extract.Options{Workers: 2})
	if err != nil && !errors.Is(err, extract.ErrSomeFailed) {
		t.Fatal(err)
	}
	failed := strings.Join(rep.Failures, "\n")
	written := 0
	must(t, filepath.WalkDir(base, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, relErr := filepath.Rel(out, path)
		if relErr != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			if d.IsDir() {
				return nil // those above
			}
			t.Errorf("%q is outside of the folder", path)
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		written++
		data, err := os.ReadFile(path)
		if want := l.held[rel]; err != nil || "file "+string(data) != want {
			t.Errorf("%q was written as %.40q, %v", rel, data, err)
		}
		return nil
	}))
	if len(rep.Failures) != int(rep.Failed) {
		t.Errorf("%d failures, %d of them named", rep.Failed, len(rep.Failures))
	}
	for path, content := range l.held {
		if !strings.HasPrefix(content, "file ") {
			continue
		}
		if _, err := os.Lstat(filepath.Join(out, path)); err != nil && !strings.Contains(failed, fmt.Sprintf("%q: ", path)) {
			t.Errorf("%q was neither written nor named: %v", path, err)
		}
	}
	t.Logf("figure: extract: %d files written, %d named as failed", written, rep.Failed)
}

func testNamesImported(t *testing.T, l *life) {
	t.Helper()
	w := l.newImport()
	h := w.host()
	if err := w.run(context.Background(), h, h.state, w.quiet()); errors.Is(err, errTouched) || h.result == nil {
		t.Fatal(err)
	}
	objects, wanted := l.bucket.Objects(), w.objects()
	for key, o := range objects {
		if want, ok := wanted[key]; !isJournal(key) && (!ok || want != string(o.Data)) {
			t.Errorf("%q should not be in the target, or not like this", key)
		}
	}
	named := 0
	for key := range wanted {
		if objects[key] != nil {
			continue
		}
		path := strings.TrimSuffix(strings.TrimPrefix(key, keyPrefix), "/")
		if h.code(path, key) == "" {
			t.Errorf("%q is neither in the target nor named", key)
		}
		named++
	}
	t.Logf("figure: import: %d objects, %d named: %v", len(objects), named, h.result.Tally.Outcomes)
	if named > 0 && h.result.ExitClass() == importer.ExitComplete {
		t.Error("complete, and something is missing")
	}
}
