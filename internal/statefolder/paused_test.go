package statefolder

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestStatusOfPausedEnd: a pause that a run has heard and that outlives its end holds its next
// start. The status says so, but of a canceled run, which has none.
func TestStatusOfPausedEnd(t *testing.T) {
	host, _ := os.Hostname()
	for _, state := range []request.State{request.StateDone, request.StateErrors, request.StateStopped, request.StateCanceled} {
		for _, paused := range []bool{true, false} {
			now := time.Now()
			folder := stateWith(t, status.Status{State: state, Paused: paused, Host: host, PID: os.Getpid(), Updated: now.Add(-time.Hour)})
			s, err := (&Query{}).Status(folder, now)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			s.Print(&text)
			if says := strings.Contains(text.String(), "begins nothing before sledge import resume"); says != (paused && state != request.StateCanceled) {
				t.Errorf("%s, paused %v: %s", state, paused, text.String())
			}
		}
	}
}
