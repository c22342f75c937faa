package delivery

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/manifest"
)

// signedLabel writes a label of a device, of a log of so many leaves.
func signedLabel(t *testing.T, folder, name string, device byte, size uint64) string {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	scope := manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{device}, Generation: 1}
	checkpoint, err := manifest.SignCheckpoint(scope.Origin(), size, [32]byte{3}, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, manifest.Label{Scope: scope, Disks: 3, JobSerial: 1, Checkpoint: checkpoint}.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// warnings keeps what was warned of.
type warnings []string

func (w *warnings) warn(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// TestLabelsOfOneDevice: of two different labels of one device none wins: an import of several
// devices, an audit and an acceptance refuse them, in either order and from a folder, too. One
// label twice is one.
func TestLabelsOfOneDevice(t *testing.T) {
	folder, both := t.TempDir(), t.TempDir()
	a, same, newer, b := signedLabel(t, folder, "a", 2, 5), signedLabel(t, folder, "same", 2, 5), signedLabel(t, folder, "newer", 2, 6), signedLabel(t, folder, "b", 4, 5)
	signedLabel(t, both, "1.label", 2, 5)
	signedLabel(t, both, "2.label", 2, 6)
	for _, c := range []struct {
		labels []string
		bad    bool
	}{
		{[]string{a, b}, false}, {[]string{a, same, b}, false}, {[]string{b, a, newer}, true}, {[]string{newer, b, a}, true}, {[]string{b, both}, true},
	} {
		devices := []*Device{{ID: manifest.ID{2}}, {ID: manifest.ID{4}}}
		var w warnings
		err := GiveLabels(devices, c.labels, false, w.warn)
		var usage *advice.UsageError
		if errors.As(err, &usage) != c.bad || !c.bad && (err != nil || devices[0].Label != a || devices[1].Label != b) {
			t.Errorf("import with %q: %v, %q and %q", c.labels, err, devices[0].Label, devices[1].Label)
		}
	}
	for _, labels := range [][]string{{a, newer}, {newer, b, a}} {
		var usage *advice.UsageError
		if _, err := ReadLabels(labels); !errors.As(err, &usage) {
			t.Errorf("an acceptance or an audit with %q: %v", labels, err)
		}
	}
	if labels, err := ReadLabels([]string{a, same, b}); err != nil || len(labels) != 2 || labels[0].File != a || labels[1].Scope.Device != (manifest.ID{4}) {
		t.Errorf("two devices: %v, %v", labels, err)
	}
}

// TestLabelsElsewhere: a label of a device that is not here, and what is no label in a folder of
// them, are named and left out; a file that was named by itself and is no label is an error. A
// device without a label is refused, unless that was asked for.
func TestLabelsElsewhere(t *testing.T) {
	folder := t.TempDir()
	own := signedLabel(t, folder, "own.label", 2, 5)
	signedLabel(t, folder, "other.label", 9, 5)
	signedLabel(t, folder, "othernewer.label", 9, 6)
	note, code := filepath.Join(folder, "note.txt"), filepath.Join(folder, "own.label.png")
	if err := errors.Join(os.WriteFile(note, []byte("hello"), 0o600), os.WriteFile(code, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	devices := []*Device{{ID: manifest.ID{2}}}
	var w warnings
	if err := GiveLabels(devices, []string{folder}, false, w.warn); err != nil || devices[0].Label != own {
		t.Errorf("%q, %v", devices[0].Label, err)
	}
	if len(w) != 3 || !strings.HasSuffix(w[0], "note.txt is not a label") || !strings.Contains(w[2], "of which there is no disk") {
		t.Errorf("warned: %q", w)
	}
	if err := GiveLabels(devices, []string{note}, false, w.warn); err == nil {
		t.Error("no label was taken for one")
	}
	without := []*Device{{ID: manifest.ID{3}}}
	if err := GiveLabels(without, nil, false, w.warn); err == nil || !strings.Contains(err.Error(), "no label given of device 03") {
		t.Error(err)
	}
	if err := GiveLabels(without, nil, true, w.warn); err != nil {
		t.Error(err)
	}
}
