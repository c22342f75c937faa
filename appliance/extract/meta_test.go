package extract

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// TestExtractNamesLostAttributes: an attribute that the folder's file system does not
// take is counted and named, and the content is there.
func TestExtractNamesLostAttributes(t *testing.T) {
	rd, m := extractRig(t)
	for _, key := range []string{"v1", "v2"} {
		m.records[key].Xattrs = []manifest.Xattr{{Name: "nosuch.a", Value: []byte("1")}, {Name: "nosuch.b", Value: []byte("2")}}
	}
	m.put(manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o700, Xattrs: []manifest.Xattr{{Name: "nosuch.c", Value: []byte("3")}}})
	m.put(manifest.Record{Kind: manifest.KindSymlink, Path: "link", Target: "v1", Size: 2, Mtime: m.records["v1"].Mtime, Xattrs: []manifest.Xattr{{Name: "nosuch.d", Value: []byte("4")}}})
	m.records["dir/"].Mtime = m.records["v1"].Mtime
	out := t.TempDir()
	rep, err := extractOld(t, rd, m, out, Options{Workers: 2})
	if err != nil || rep.AttributesLost != 6 || len(rep.Attributes) != 6 || rep.Entries != 5 {
		t.Fatalf("%v %+v", err, rep)
	}
	all := strings.Join(rep.Attributes, "\n")
	for _, want := range []string{`"v1": extended attribute "nosuch.a"`, `"v2": extended attribute "nosuch.b"`, `"dir": extended attribute "nosuch.c"`, `"link": extended attribute "nosuch.d"`} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not named in\n%s", want, all)
		}
	}
	isIn(t, out, "v1", "version 1")
}

// TestExtractLinkAttributes needs the right to set them.
func TestExtractLinkAttributes(t *testing.T) {
	probe := filepath.Join(t.TempDir(), "probe")
	must(t, os.Symlink("x", probe))
	if err := unix.Lsetxattr(probe, "trusted.sledge", []byte("1"), 0); err != nil {
		t.Skipf("no attributes of symbolic links here: %v", err)
	}
	rd, m := extractRig(t)
	link := manifest.Record{Kind: manifest.KindSymlink, Path: "dir/link", Target: "nowhere", Size: 7, Mtime: time.Unix(1e9, 0), UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		Xattrs: []manifest.Xattr{{Name: "trusted.sledge", Value: []byte("of the link")}}}
	for _, key := range []string{"v1", "v2", "long"} {
		m.records[key].UID, m.records[key].GID = link.UID, link.GID
	}
	m.put(link)
	out := t.TempDir()
	rep, err := extractOld(t, rd, m, out, Options{Owner: true})
	if err != nil || rep.AttributesLost != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	have := make([]byte, 64)
	n, err := unix.Lgetxattr(filepath.Join(out, "dir/link"), "trusted.sledge", have)
	if err != nil || string(have[:n]) != "of the link" {
		t.Errorf("%v, %q", err, have[:max(n, 0)])
	}
}

// TestExtractTellsClampedTimes asks the file system first what it keeps.
func TestExtractTellsClampedTimes(t *testing.T) {
	rd, m := extractRig(t)
	out := t.TempDir()
	years := []int{1700, 1850, 1902, 1970, 2037, 2040, 2445, 2500, 9000}
	clamped := 0
	for _, year := range years {
		want := time.Date(year, 3, 1, 12, 0, 0, 0, time.UTC)
		name := fmt.Sprintf("y%d", year)
		m.file(name, "v1")
		m.records[name].Mtime = want
		probe := filepath.Join(out, "probe")
		must(t, os.WriteFile(probe, nil, 0o600))
		tv := times(want)
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, probe, tv[:], 0))
		if fi, err := os.Stat(probe); err != nil || !fi.ModTime().Equal(want) {
			clamped++
		}
	}
	rep, err := extractOld(t, rd, m, out, Options{})
	if err != nil || int(rep.AttributesLost) != clamped {
		t.Fatalf("%d times that the file system does not keep: %v %+v", clamped, err, rep)
	}
	for _, a := range rep.Attributes {
		if !strings.Contains(a, "time: ") || !strings.Contains(a, " became ") {
			t.Error(a)
		}
	}
}

func TestLookTime(t *testing.T) {
	at := time.Unix(1_000_000_001, 123_456_789)
	for _, test := range []struct {
		got    time.Time
		lost   uint64
		notice string
	}{
		{at, 0, ""},
		{time.Unix(1_000_000_001, 123_456_700), 0, "100 nanoseconds"},
		{time.Unix(1_000_000_001, 123_456_000), 0, "a microsecond"},
		{time.Unix(1_000_000_001, 123_000_000), 0, "a millisecond"},
		{time.Unix(1_000_000_001, 0), 0, "a second"},
		{time.Unix(1_000_000_000, 0), 0, "two seconds"},
		{time.Unix(1_000_000_002, 0), 0, "two seconds"},
		{time.Unix(999_999_999, 0), 1, ""},
		{time.Unix(-2_147_483_648, 0), 1, ""},
	} {
		x := &extractor{report: &Report{}}
		for range 3 {
			x.lookTime(&manifest.Record{Path: "f", Mtime: at}, test.got)
		}
		if x.report.AttributesLost != 3*test.lost {
			t.Errorf("%v: %d attributes", test.got, x.report.AttributesLost)
		}
		if all := strings.Join(x.report.Warnings, ""); (test.notice == "") != (all == "") || !strings.Contains(all, test.notice) || len(x.report.Warnings) > 1 {
			t.Errorf("%v: %q, want %q", test.got, all, test.notice)
		}
	}
}

// TestExtractRestoresAll: what a change of the owner takes away is set
// behind it, and a mode without w does not refuse what comes before.
func TestExtractRestoresAll(t *testing.T) {
	rd, m := extractRig(t)
	r := m.records["v1"]
	r.Mode, r.UID, r.GID = 0o444, uint32(os.Getuid()), uint32(os.Getgid())
	r.Xattrs = []manifest.Xattr{{Name: "user.sledge", Value: []byte("kept")}}
	if os.Getuid() == 0 {
		r.Mode, r.UID, r.GID = 0o6555, 4711, 4712
		capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // cap_net_bind_service
		r.Xattrs = append([]manifest.Xattr{{Name: "security.capability", Value: capability}}, r.Xattrs...)
	}
	out := t.TempDir()
	if err := unix.Setxattr(out, "user.sledge", []byte("x"), 0); err != nil {
		t.Skipf("no extended attributes here: %v", err)
	}
	rep, err := extractOld(t, rd, m, out, Options{Owner: true})
	if err != nil || rep.AttributesLost != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	var st unix.Stat_t
	must(t, unix.Stat(filepath.Join(out, "v1"), &st))
	if st.Uid != r.UID || st.Gid != r.GID || st.Mode&07777 != r.Mode {
		t.Errorf("owner %d:%d, mode %o", st.Uid, st.Gid, st.Mode)
	}
	for _, a := range r.Xattrs {
		have := make([]byte, 64)
		if n, err := unix.Getxattr(filepath.Join(out, "v1"), a.Name, have); err != nil || string(have[:n]) != string(a.Value) {
			t.Errorf("%s: %v, %x", a.Name, err, have[:max(n, 0)])
		}
	}
}

// TestExtractLeavesSetID: without --owner a set-id program would be one of whoever
// extracts; with it its owner is restored, too.
func TestExtractLeavesSetID(t *testing.T) {
	rd, m := extractRig(t)
	for name, mode := range map[string]uint32{"v1": 0o4755, "v2": 0o2755, "long": 0o6711} {
		m.records[name].Mode = mode
	}
	m.put(manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o2775, Mtime: m.records["v1"].Mtime})
	out := t.TempDir()
	if _, err := extractOld(t, rd, m, out, Options{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint32{"v1": 0o755, "v2": 0o755, "long": 0o711, "dir": 0o775} {
		var st unix.Stat_t
		must(t, unix.Stat(filepath.Join(out, name), &st))
		if got := st.Mode & 0o7777; got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// TestStatWithoutStatx: an old kernel's stat says the same.
func TestStatWithoutStatx(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("x", filepath.Join(dir, "link")))
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	for _, p := range []metaPlace{{fd: int(d.Fd())}, {int(d.Fd()), "link"}} {
		want, err := p.stat(unix.Statx)
		must(t, err)
		got, err := p.stat(func(int, string, int, int, *unix.Statx_t) error { return unix.ENOSYS })
		if err != nil || got.Mode != want.Mode || got.Uid != want.Uid || got.Gid != want.Gid || got.Mtime != want.Mtime {
			t.Errorf("%+v: %v, %+v, want %+v", p, err, got, want)
		}
	}
}
