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
