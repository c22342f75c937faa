package extract

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// TestExtractLinksToTheSameContent: whatever lies under a carrier's name, the further
// names have what is recorded for them, and are one file.
func TestExtractLinksToTheSameContent(t *testing.T) {
	replace := func(out string, plant func(name string)) func() {
		return func() {
			name := filepath.Join(out, "d0/f")
			os.Remove(name)
			plant(name)
		}
	}
	text := func(s string) func(string) { return func(name string) { os.WriteFile(name, []byte(s), 0o600) } }
	tests := map[string]struct {
		carrier func(m *oldManifest)
		plant   func(name string) // between the first files and the links
		failed  int
	}{
		"as recorded":           {carrier: func(m *oldManifest) { m.file("d0/f", "v1") }},
		"newer, of this length": {carrier: func(m *oldManifest) { m.file("d0/f", "v2") }},
		"newer and longer":      {carrier: func(m *oldManifest) { m.file("d0/f", "long") }},
		"gone":                  {carrier: func(m *oldManifest) {}},
		"a folder":              {carrier: func(m *oldManifest) { m.put(manifest.Record{Kind: manifest.KindDir, Path: "d0/f", Mode: 0o755}) }},
		"a link": {carrier: func(m *oldManifest) {
			m.put(manifest.Record{Kind: manifest.KindSymlink, Path: "d0/f", Target: "../v2", Size: 5})
		}},
		"skipped": {carrier: func(m *oldManifest) {
			m.put(manifest.Record{Kind: manifest.KindSkipped, Path: "d0/f", Reason: "io"})
		}},
		"replaced meanwhile": {carrier: func(m *oldManifest) { m.file("d0/f", "v1") }, plant: text("planted 1")},
		"removed meanwhile":  {carrier: func(m *oldManifest) { m.file("d0/f", "v1") }, plant: func(string) {}},
		"a link meanwhile":   {carrier: func(m *oldManifest) { m.file("d0/f", "v1") }, plant: func(name string) { os.Symlink("../v1", name) }},
		"planted, none of this name in the manifest": {carrier: func(m *oldManifest) {}, plant: func(name string) {
			os.Mkdir(filepath.Dir(name), 0o755)
			text("planted 2")(name)
		}},
	}
	for name, test := range tests {
		for _, made := range []int{0, maxMade} {
			t.Run(fmt.Sprintf("%s, %d remembered", name, made), func(t *testing.T) {
				rd, m := extractRig(t)
				test.carrier(m)
				m.link("d1/f", "d0/f", "v1")
				m.link("d2/f", "d0/f", "v1")
				m.link("d3/f", "d0/f", "v2") // of an older day
				out := t.TempDir()
				if test.plant != nil {
					m.again = replace(out, test.plant)
				}
				rep, err := extractOld(t, rd, m, out, Options{Workers: 3}, func(x *extractor) { x.links.made.limit = made })
				if err != nil {
					t.Fatal(err, rep)
				}
				for path, want := range map[string]string{"d1/f": "version 1", "d2/f": "version 1", "d3/f": "version 2"} {
					isIn(t, out, path, want)
				}
				if inode(t, out, "d1/f") != inode(t, out, "d2/f") {
					t.Error("the names of one file are two files")
				}
				linked := test.plant == nil && name == "as recorded"
				if carrier, err := os.Lstat(filepath.Join(out, "d0/f")); err == nil && carrier.Mode().IsRegular() && (inode(t, out, "d0/f") == inode(t, out, "d1/f")) != linked {
					t.Errorf("linked with the carrier: %v, want %v", !linked, linked)
				}
			})
		}
	}
}

// TestExtractManyLinks has more further names than wait for one stand-in.
func TestExtractManyLinks(t *testing.T) {
	rd, m := extractRig(t)
	const n = 3 * maxWaiting
	for i := range n {
		m.link(fmt.Sprintf("many/%05d", i), "gone", "v1")
	}
	out := t.TempDir()
	rep, err := extractOld(t, rd, m, out, Options{Prefix: "many/", Workers: 4})
	if err != nil || rep.Entries != n || rep.Existing != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	have := count(t, filepath.Join(out, "many"))
	if have.entries != n || have.bytes != rep.Bytes {
		t.Errorf("%+v in the folder, %d bytes reported", have, rep.Bytes)
	}
	// Those that wait are linked; how many more come while the stand-in is written is
	// the machine's speed.
	if files := have.bytes / int64(len("version 1")); files > n-maxWaiting+1 {
		t.Errorf("the names are %d files", files)
	}
	if rep, err = extractOld(t, rd, m, out, Options{Prefix: "many/", Workers: 4}); err != nil || rep.Existing != n || rep.Entries != n {
		t.Errorf("again: %v %+v", err, rep)
	}
}

// TestExtractWithoutStandIns: where no more can be remembered, names are files of their
// own, with the right content, and the report says so.
func TestExtractWithoutStandIns(t *testing.T) {
	rd, m := extractRig(t)
	m.file("d0/f", "v2")
	for i := range 5 {
		m.link(fmt.Sprintf("d%d/f", i+1), "d0/f", "v1")
	}
	out := t.TempDir()
	rep, err := extractOld(t, rd, m, out, Options{Workers: 2}, func(x *extractor) { x.links.standIns.room = 0 })
	if err != nil || len(rep.Warnings) != 1 || rep.Entries != 9 || rep.Bytes != count(t, out).bytes {
		t.Errorf("%v %+v", err, rep)
	}
	for i := range 5 {
		isIn(t, out, fmt.Sprintf("d%d/f", i+1), "version 1")
	}
}

// TestExtractLinkOfOtherAttributes: names of one file have the first one's attributes;
// what a further name's record says otherwise is named.
func TestExtractLinkOfOtherAttributes(t *testing.T) {
	rd, m := extractRig(t)
	m.file("d0/f", "v1")
	m.link("d1/f", "d0/f", "v1")
	m.link("d2/f", "d0/f", "v1")
	m.records["d2/f"].Mode = 0o600
	rep, err := extractOld(t, rd, m, t.TempDir(), Options{})
	if err != nil || rep.AttributesLost != 1 || rep.Attributes[0] != `"d2/f": mode: 0600 became 0640` {
		t.Errorf("%v %+v", err, rep)
	}
}

// TestExtractWithoutLinks: a file system that refuses links has a file for each name.
func TestExtractWithoutLinks(t *testing.T) {
	for _, refusal := range []error{unix.EPERM, unix.EMLINK, unix.ENOTSUP, unix.EXDEV} {
		rd, m := extractRig(t)
		m.file("d0/f", "v1")
		m.link("d1/f", "d0/f", "v1")
		m.link("d2/f", "d0/f", "v1")
		out := t.TempDir()
		rep, err := extractOld(t, rd, m, out, Options{}, func(x *extractor) {
			x.links.link = func(int, int, string) error { return refusal }
		})
		if err != nil || len(rep.Warnings) != 1 || rep.Entries != 6 {
			t.Errorf("%v: %v %+v", refusal, err, rep)
		}
		isIn(t, out, "d1/f", "version 1")
		isIn(t, out, "d2/f", "version 1")
	}
}
