package keyless

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// folder makes a folder of receipts whose checkpoint begins with a line; "" is none.
func folder(t *testing.T, line string) string {
	t.Helper()
	dir := t.TempDir()
	if line != "" {
		checkpoint(t, dir, line)
	}
	return dir
}

// disk is such a folder as a disk has it.
func disk(t *testing.T, line string) string {
	t.Helper()
	dir := t.TempDir()
	checkpoint(t, filepath.Join(dir, "sledge"), line)
	return dir
}

func checkpoint(t *testing.T, dir, line string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "log"), 0o700), os.WriteFile(filepath.Join(dir, "log", "checkpoint"), []byte(line+"\n5\nhash\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func originOf(device byte, generation uint32) string {
	return manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{device}, Generation: generation}.Origin()
}

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

// TestMatch: with several folders each gets the disks and the label of its origin, generation
// and all; with one folder everything is its own.
func TestMatch(t *testing.T) {
	a, b := folder(t, originOf(1, 1)+"/import/run-1"), folder(t, originOf(2, 1)+"/import/run-1")
	diskA, diskB, older := disk(t, originOf(1, 1)), disk(t, originOf(2, 1)), disk(t, originOf(2, 2))
	dir := t.TempDir()
	labelA, labelB, labelC := signedLabel(t, dir, "a", 1, 5), signedLabel(t, dir, "b", 2, 5), signedLabel(t, dir, "c", 3, 5)
	found, err := Match([]string{a, b}, []string{diskB, diskA, older}, []string{labelB, labelA}, false)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	for i, want := range []Matched{{a, originOf(1, 1), []string{diskA}, labelA, nil}, {b, originOf(2, 1), []string{diskB}, labelB, nil}} {
		if got := found[i]; got.Folder != want.Folder || got.Origin != want.Origin || !slices.Equal(got.Disks, want.Disks) || got.Label != want.Label {
			t.Errorf("%+v, want %+v", *got, want)
		}
	}
	if one, err := Match([]string{a}, []string{diskB, older}, []string{labelC}, false); err != nil || len(one[0].Disks) != 2 || one[0].Label != labelC {
		t.Errorf("one folder: %+v, %v", one, err)
	}
	for name, c := range map[string]struct {
		folders, disks, labels []string
		noLabel                bool
		want                   string
	}{
		"twice":         {[]string{a, a}, nil, nil, false, "of the same device"},
		"no disk of b":  {[]string{a, b}, []string{diskA, older}, nil, true, "no disk is of the device of " + b},
		"strange label": {[]string{a, b}, []string{diskA, diskB}, []string{labelC}, true, "of which there are no receipts"},
		"no label":      {[]string{a, b}, []string{diskA, diskB}, []string{labelA}, false, "no label given of the device of " + b},
		"two labels":    {[]string{a}, nil, []string{labelA, signedLabel(t, dir, "newer", 1, 6)}, false, "different labels of device"},
	} {
		if _, err := Match(c.folders, c.disks, c.labels, c.noLabel); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if one, err := Match([]string{a}, nil, []string{labelA, labelA}, false); err != nil || one[0].Label != labelA {
		t.Errorf("one label twice: %+v, %v", one, err)
	}
	if all, err := Match([]string{a, b}, []string{diskA, diskB}, []string{labelA}, true); err != nil || all[1].Label != "" {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := Match([]string{folder(t, "")}, nil, nil, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("receipts without a checkpoint: %v", err)
	}
}
