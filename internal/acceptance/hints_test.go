package acceptance

import (
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/advice"
)

// TestWaiverHints: the hint names the flag of each kind that is open, and of no other.
func TestWaiverHints(t *testing.T) {
	flags := map[string]string{KindPath: "--waive PATH", KindDifference: "--waive-difference TEXT", KindTarget: "--waive-target URL",
		KindLabel: "--waive-label DEVICE", KindDevice: "--waive-device DEVICE", KindLeftOut: "--waive-left-out KIND"}
	for _, kind := range kinds {
		a := &accepting{o: &Options{}, r: &Report{Unproven: []*Unproven{{Kind: kind, Name: "a"}, {Kind: KindPath, Name: "b", Waived: true}}}}
		var hinted *advice.Hinted
		if err := a.unwaived(); !errors.As(err, &hinted) || !errors.Is(err, ErrUnwaived) {
			t.Fatalf("%s: %v", kind, err)
		}
		hints := hinted.Hints
		text := strings.Join(hints, "\n")
		if len(hints) != 2 || !strings.Contains(text, "--waivers FILE") {
			t.Errorf("%s: %q", kind, hints)
		}
		for other, flag := range flags {
			if strings.Contains(text, flag) != (other == kind) {
				t.Errorf("%s: %q and %s", kind, hints, flag)
			}
		}
	}
}
