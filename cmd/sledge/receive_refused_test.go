package main

import (
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestReceiveRefused: an arrival that is refused names what came and why, and has no word by
// which a device that fits is told.
func TestReceiveRefused(t *testing.T) {
	f, label, keys := sealedField(t)
	l, err := manifest.ParseLabel(label)
	if err != nil {
		t.Fatal(err)
	}
	device := l.Scope.Device.String()
	receive := []string{"receive", "--site", "site", "--label", "d.label"}
	fits := f.answers(0, receive...)
	if fits["verdict"] != "fit" || fits["device"] != device || fits["label_checked"] != true {
		t.Errorf("%v", fits)
	}
	if missing := f.answers(exitDisks, append(receive, "--disk", "bay0")...); missing["verdict"] != "disks missing" {
		t.Errorf("%v", missing)
	}
	f.contradict(keys)
	if err := os.Mkdir("bay9", 0o700); err != nil {
		t.Fatal(err)
	}
	refused := f.answers(exitRefused, receive...)
	claims, ok := refused["claims"].([]any)
	if refused["verdict"] != "refused" || !ok || len(claims) != 4 || claims[0].(map[string]any)["device"] != device || claims[3].(map[string]any)["bay"] != -1.0 {
		t.Errorf("%v", refused)
	}
	for _, name := range []string{"device", "job", "origin", "label_checked", "disks_needed"} {
		if _, there := refused[name]; there {
			t.Errorf("a refused arrival has %q: %v", name, refused)
		}
	}
	says := f.sledge(exitRefused, receive...)
	f.says(says, "arrival     REFUSED, not to be used", "disk        bay0: says that it is bay 0 of device "+device, "bay9: does not say what it is", "hint: do not import")
	for _, word := range []string{"fits", "are enough", "origin      proven"} {
		if strings.Contains(says, word) {
			t.Errorf("%q of a refused device: %s", word, says)
		}
	}
	f.sledge(exitUsage, "receive", "--site", "site", "--label", "d.label", "--no-label")
	f.sledge(exitNotFound, "receive", "--site", "site", "--label", "none")
}
