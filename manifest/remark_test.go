package manifest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
)

// TestRemark: a record that gets a remark is what Encode makes of one with it, also
// where its lists continue, and loses it again.
func TestRemark(t *testing.T) {
	for _, r := range []*Record{fileRecord("a"), largeRecord("large"), {Kind: KindDir, Path: "dir", Mode: 0o755}, {Kind: KindSymlink, Path: "l", Target: "t", Size: 1}} {
		plain := encode(t, r)
		r.Remark, r.RemarkDetail = "unreadable", "input/output error"
		want := encode(t, r)
		got, err := SetRemark(plain[0], r.Remark, r.RemarkDetail)
		must(t, err)
		if !bytes.Equal(got, want[0]) {
			t.Errorf("%s: %x, want %x", r.Path, got, want[0])
		}
		back, err := join(append([][]byte{got}, plain[1:]...))
		must(t, err)
		if !reflect.DeepEqual(back, r) {
			t.Errorf("%s: read back as %+v", r.Path, back)
		}
		if reason, detail, err := PeekRemark(got); err != nil || reason != r.Remark || detail != r.RemarkDetail {
			t.Errorf("%s: peeked %q %q %v", r.Path, reason, detail, err)
		}
		if reason, detail, err := PeekRemark(plain[0]); err != nil || reason+detail != "" {
			t.Errorf("%s: no remark, peeked %q %q %v", r.Path, reason, detail, err)
		}
		again, err := SetRemark(got, "vanished", "")
		must(t, err)
		if reason, detail, err := PeekRemark(again); err != nil || reason != "vanished" || detail != "" {
			t.Errorf("%s: peeked %q %q %v", r.Path, reason, detail, err)
		}
		if none, err := SetRemark(again, "", ""); err != nil || !bytes.Equal(none, plain[0]) {
			t.Errorf("%s: taken off: %v %x", r.Path, err, none)
		}
	}
}

// TestRemarkIsNotCritical: a reader that does not know the fields may skip them.
func TestRemarkIsNotCritical(t *testing.T) {
	r := fileRecord("a")
	r.Remark, r.RemarkDetail = "changed", "details"
	seen := map[int]bool{}
	for f := fields.NewReader(encode(t, r)[0]); ; {
		v, ok, err := f.Next()
		must(t, err)
		if !ok {
			break
		}
		if seen[v.Number] = true; v.Number >= FieldRemark && v.Critical {
			t.Errorf("field %d is critical", v.Number)
		}
	}
	if !seen[35] || !seen[36] {
		t.Errorf("fields %v", seen)
	}
}

// TestRemarkWithoutRoom keeps the reason where the details do not fit.
func TestRemarkWithoutRoom(t *testing.T) {
	b := encode(t, fileRecord("a"))[0]
	got, err := SetRemark(b, "unreadable", strings.Repeat("x", MaxRecord))
	must(t, err)
	if reason, detail, err := PeekRemark(got); err != nil || reason != "unreadable" || detail != "" {
		t.Errorf("%q %q %v", reason, detail, err)
	}
	if _, err := SetRemark(b, strings.Repeat("x", MaxRecord), ""); err == nil {
		t.Error("a record over the limit")
	}
	for _, bad := range [][]byte{{1}, {3, 9, 1}, append(bytes.Clone(b), 0x46)} {
		if _, _, err := PeekRemark(bad); err == nil {
			t.Errorf("%x: peeked", bad)
		} else {
			typed(t, err)
		}
		if _, err := SetRemark(bad, "changed", ""); err == nil {
			t.Errorf("%x: set", bad)
		}
	}
}
