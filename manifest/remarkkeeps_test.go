package manifest

import (
	"bytes"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
)

// TestRemarkKeepsLaterFields: a remark comes and goes, and fields that this version
// does not know stay.
func TestRemarkKeepsLaterFields(t *testing.T) {
	w := fields.NewWriter(nil)
	w.Text(1, true, "a")
	w.Text(37, false, "of a later version")
	plain := bytes.Clone(w.Bytes())
	w = fields.NewWriter(nil)
	w.Text(1, true, "a")
	w.Text(35, false, "unreadable")
	w.Text(36, false, "EIO")
	w.Text(37, false, "of a later version")
	remarked := w.Bytes()
	if got, err := SetRemark(plain, "unreadable", "EIO"); err != nil || !bytes.Equal(got, remarked) {
		t.Errorf("put on: %x, %v; want %x", got, err, remarked)
	}
	if got, err := SetRemark(remarked, "", ""); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("taken off: %x, %v; want %x", got, err, plain)
	}
}
