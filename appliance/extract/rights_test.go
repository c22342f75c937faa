package extract

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// capabilities is the attribute that gives a program rights, whoever owns it.
const capabilities = "security.capability"

// netRaw is the attribute of a program that may open raw sockets.
var netRaw = []byte{1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

// TestExtractGivesNoRights: whoever extracts as root without the owners makes no program
// with rights that its owner could not have given it. It needs the right to make one.
func TestExtractGivesNoRights(t *testing.T) {
	probe := filepath.Join(t.TempDir(), "probe")
	must(t, os.WriteFile(probe, nil, 0o700))
	if err := unix.Lsetxattr(probe, capabilities, netRaw, 0); err != nil {
		t.Skipf("no file capabilities here: %v", err)
	}
	for _, owner := range []bool{false, true} {
		rd, m := extractRig(t)
		m.records["v1"].Xattrs = append(m.records["v1"].Xattrs, manifest.Xattr{Name: capabilities, Value: netRaw})
		m.records["v1"].UID, m.records["v1"].GID = uint32(os.Getuid()), uint32(os.Getgid())
		out := t.TempDir()
		rep, err := extractOld(t, rd, m, out, Options{Owner: owner})
		if err != nil || rep.AttributesLost != 0 {
			t.Fatalf("%v %+v", err, rep)
		}
		have := make([]byte, 64)
		n, err := unix.Lgetxattr(filepath.Join(out, "v1"), capabilities, have)
		if got := err == nil && bytes.Equal(have[:n], netRaw); got != owner {
			t.Errorf("owner %v: capabilities are there: %v, %v", owner, got, err)
		}
		if told := strings.Contains(strings.Join(rep.Warnings, "\n"), "capabilities"); told == owner {
			t.Errorf("owner %v: %q", owner, rep.Warnings)
		}
	}
}

// TestExtractUnknownTime: an entry without a time is not made one of the year 1.
func TestExtractUnknownTime(t *testing.T) {
	rd, m := extractRig(t)
	m.records["v1"].Mtime = time.Time{}
	out := t.TempDir()
	before := time.Now().Add(-time.Minute)
	rep, err := extractOld(t, rd, m, out, Options{})
	if err != nil || rep.AttributesLost != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	info, err := os.Stat(filepath.Join(out, "v1"))
	if err != nil || info.ModTime().Before(before) {
		t.Errorf("%v, %v", info.ModTime(), err)
	}
}
