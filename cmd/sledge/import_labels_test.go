package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"

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

// TestLabelsOfOneDevice: of two different labels of one device none wins: an import of several
// devices and an audit refuse them, in either order and from a folder, too. One label twice is
// one to an import.
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
		devices := []*importDevice{{id: manifest.ID{2}}, {id: manifest.ID{4}}}
		err := (&app{err: &bytes.Buffer{}}).giveLabels(&importFlags{labels: c.labels}, devices)
		var usage *usageError
		if errors.As(err, &usage) != c.bad || !c.bad && (err != nil || devices[0].label != a || devices[1].label != b) {
			t.Errorf("import with %q: %v, %q and %q", c.labels, err, devices[0].label, devices[1].label)
		}
	}
	for _, labels := range [][]string{{a, newer}, {newer, b, a}} {
		var usage *usageError
		if _, err := auditLabels(labels); !errors.As(err, &usage) {
			t.Errorf("an audit with %q: %v", labels, err)
		}
	}
	if labels, err := auditLabels([]string{a, b}); err != nil || len(labels) != 2 {
		t.Errorf("an audit of two devices: %v, %v", labels, err)
	}
}
