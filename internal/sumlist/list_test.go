package sumlist

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/sumlist/sumtest"
)

// TestSumLines: a line is what sha256sum itself writes, and what it checks.
func TestSumLines(t *testing.T) {
	if out, err := sumtest.Run(t, ".", "--version"); err != nil || !strings.Contains(out, "GNU coreutils") {
		t.Skip("sha256sum is not GNU's")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	w := bufio.NewWriter(&list)
	for name, content := range sumtest.Names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(content))
		from := list.Len()
		if writeLine(w, sum[:], name); w.Flush() != nil || name == "-" {
			continue
		}
		theirs, err := sumtest.Run(t, dir, "--", name)
		if ours := list.String()[from:]; err != nil || ours != theirs && !strings.Contains(name, "\r") { // which coreutils before 9.0 do not escape
			t.Errorf("%q: %q, sha256sum %q, %v", name, ours, theirs, err)
		}
	}
	names := filepath.Join(dir, "list")
	if err := os.WriteFile(names, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := sumtest.Run(t, dir, "--strict", "-c", names); err != nil || strings.Count(out, ": OK\n") != len(sumtest.Names) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestListHoldsPage: a record of receipts is not written before its page is proven, which
// it is when the verifier gives the first record of another page.
func TestListHoldsPage(t *testing.T) {
	var out bytes.Buffer
	l := &List{bufio.NewWriter(&out), &Report{}}
	p := &Page{prefix: "d", list: l}
	line := func(page uint64, kind uint64, path string) *fsck.ObjectLine {
		return &fsck.ObjectLine{Page: page, Record: &fsck.Record{Kind: kind, Path: []byte(path), Size: 1, SHA256: make([]byte, 32)}}
	}
	for i, o := range []*fsck.ObjectLine{
		line(3, fsck.KindDirectory, "d"), line(3, fsck.KindFile, "d/1"), line(3, fsck.KindContinuation, "d/1"), line(3, fsck.KindHardLink, "d/2"), line(3, fsck.KindFile, "e"),
		line(5, fsck.KindSkipped, "d/3"), line(5, fsck.KindSymlink, "d/4"), line(5, fsck.KindFile, "d/5"),
	} {
		if err := p.Add(o); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]uint64{true: 2}[i >= 5]; l.Report.Files != want {
			t.Errorf("%d files after line %d, want %d", l.Report.Files, i, want)
		}
	}
	if err := p.Flush(); err != nil || l.out.Flush() != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("0", 64) + "  d/"
	if want := zeros + "1\n" + zeros + "2\n" + zeros + "5\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
	if r := *l.Report; r.Directories != 1 || r.Symlinks != 1 || r.Skipped != 1 || r.Bytes != 3 {
		t.Errorf("%+v", r)
	}
}
