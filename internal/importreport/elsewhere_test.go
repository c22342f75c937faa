package importreport

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestOpenElsewhere: a run that was at work on another host is not told to be started here before
// somebody has looked there.
func TestOpenElsewhere(t *testing.T) {
	for _, state := range []request.State{request.StateRunning, request.StateStopped, request.StateHalted} {
		run := openRun()
		run.state = state
		for _, host := range []string{"", "depot"} {
			d, err := Read(t.Context(), run.folder(t), Options{Name: "state", Presence: func(*status.Status) Presence { return Presence{Elsewhere: host} }})
			must(t, err)
			text := d.Verdict().Text
			if looks := strings.Contains(text, "depot: look there first"); looks != (host != "") || looks == strings.Contains(text, "Start the same sledge import run to go on") {
				t.Errorf("%s, %q: %s", state, host, text)
			}
		}
	}
}
