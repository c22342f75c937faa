package delivery

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// checkpointFile is where these tests' disks and receipts have their checkpoint.
const checkpointFile = "log/checkpoint"

// folder makes a folder whose checkpoint begins with a line; "" is none.
func folder(t *testing.T, line string) string {
	t.Helper()
	dir := t.TempDir()
	if line == "" {
		return dir
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "log"), 0o700), os.WriteFile(filepath.Join(dir, checkpointFile), []byte(line+"\n5\nhash\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func originOf(device byte, generation uint32) string {
	return manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{device}, Generation: generation}.Origin()
}

// TestGroup: the header says whose a disk is, the checkpoint where the header is damaged; one
// that says nothing is named and left out. Devices come in the order of their IDs.
func TestGroup(t *testing.T) {
	headed, logged, other, silent, odd := folder(t, originOf(9, 1)), folder(t, originOf(2, 1)), folder(t, originOf(1, 7)), folder(t, ""), folder(t, "a/b")
	disks := Disks{Checkpoint: checkpointFile, Header: func(disk string) (manifest.ID, bool) { return manifest.ID{2}, disk == headed }}
	var w warnings
	found := disks.Group([]string{headed, silent, logged, other, odd}, w.warn)
	if len(found) != 2 || found[0].ID != (manifest.ID{1}) || found[1].ID != (manifest.ID{2}) {
		t.Fatalf("%+v", found)
	}
	if !slices.Equal(found[0].Disks, []string{other}) || !slices.Equal(found[1].Disks, []string{headed, logged}) {
		t.Errorf("%q and %q", found[0].Disks, found[1].Disks)
	}
	if len(w) != 2 || !strings.Contains(w[0], silent) || !strings.Contains(w[1], odd) {
		t.Errorf("warned: %q", w)
	}
}

// TestMatch: with several folders each gets the disks and the label of its origin, generation
// and all; with one folder everything is its own.
func TestMatch(t *testing.T) {
	none := Disks{Checkpoint: checkpointFile, Header: func(string) (id manifest.ID, ok bool) { return id, false }}
	a, b := folder(t, originOf(1, 1)+"/import/run-1"), folder(t, originOf(2, 1)+"/import/run-1")
	diskA, diskB, older := folder(t, originOf(1, 1)), folder(t, originOf(2, 1)), folder(t, originOf(2, 2))
	dir := t.TempDir()
	labelA, labelB, labelC := signedLabel(t, dir, "a", 1, 5), signedLabel(t, dir, "b", 2, 5), signedLabel(t, dir, "c", 3, 5)
	found, err := none.Match([]string{a, b}, []string{diskB, diskA, older}, []string{labelB, labelA}, false)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	for i, want := range []Receipts{{a, originOf(1, 1), []string{diskA}, labelA}, {b, originOf(2, 1), []string{diskB}, labelB}} {
		if got := found[i]; got.Folder != want.Folder || got.Origin != want.Origin || !slices.Equal(got.Disks, want.Disks) || got.Label != want.Label {
			t.Errorf("%+v, want %+v", *got, want)
		}
	}
	if one, err := none.Match([]string{a}, []string{diskB, older}, []string{labelC}, false); err != nil || len(one[0].Disks) != 2 || one[0].Label != labelC {
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
		if _, err := none.Match(c.folders, c.disks, c.labels, c.noLabel); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if one, err := none.Match([]string{a}, nil, []string{labelA, labelA}, false); err != nil || one[0].Label != labelA {
		t.Errorf("one label twice: %+v, %v", one, err)
	}
	if all, err := none.Match([]string{a, b}, []string{diskA, diskB}, []string{labelA}, true); err != nil || all[1].Label != "" {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := none.Match([]string{folder(t, "")}, nil, nil, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("receipts without a checkpoint: %v", err)
	}
}
