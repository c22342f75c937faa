package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/liar"
)

// TestRunRefusesLies: an import of a device that contradicts itself ends as verify does, and
// never as done, whatever it has stored by then. A start behind its end says the same.
func TestRunRefusesLies(t *testing.T) {
	f, label, keys := sealedField(t)
	bucket, to := f.realStore()
	for _, bay := range []string{"bay0", "bay1", "bay2"} {
		if err := os.CopyFS("sealed/"+bay, os.DirFS(bay)); err != nil {
			t.Fatal(err)
		}
	}
	for _, lie := range liar.Lies() {
		if !slices.Contains([]string{"nothing", "totals: records", "totals: bytes", "a record twice"}, lie.Name) {
			continue // the rest is TestLies'
		}
		t.Run(lie.Name, func(t *testing.T) {
			copyBays(t)
			for _, name := range []string{"state", bucket + "/x"} {
				if err := os.RemoveAll(name); err != nil {
					t.Fatal(err)
				}
			}
			f.write("h.label", string(f.lied(lie, label, keys)))
			want := exitRefused
			if lie.Sight == liar.Honest {
				want = exitDone
			}
			run := slices.Concat([]string{"import", "run", "--site", "site", "--label", "h.label", "--state", "state"}, to)
			for range 2 {
				if code, says := f.try(run...); code != want || want == exitRefused && !strings.Contains(says, "not to be used") && !strings.Contains(says, "refused") {
					t.Errorf("exit %d, want %d: %s", code, want, says)
				}
			}
		})
	}
}

// lied tells a lie on the device's disks and gives its label.
func (f *field) lied(lie liar.Lie, label []byte, keys liar.Keys) (told []byte) {
	f.t.Helper()
	d, err := liar.Open([]string{"bay0", "bay1", "bay2"}, label, keys)
	if err == nil {
		err = lie.Tell(d)
	}
	if err == nil {
		told, err = d.Write()
	}
	if err == nil && lie.After != nil {
		err = lie.After(d)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return told
}
