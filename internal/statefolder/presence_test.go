package statefolder

import (
	"os"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestPresenceAfterClockSetBack: a dead process whose last word is in the future, since the clock
// was set back, neither is at work nor listens. One of another host, whose clock may be ahead, is
// believed, and the host is named.
func TestPresenceAfterClockSetBack(t *testing.T) {
	host, _ := os.Hostname()
	dead, now := deadProcess(t), time.Now()
	ahead := now.Add(time.Hour)
	for _, c := range []struct {
		name            string
		host            string
		state           request.State
		atWork, listens bool
	}{
		{"at work, dead", host, request.StateRunning, false, false},
		{"ended, dead", host, request.StateErrors, false, false},
		{"at work elsewhere", "other", request.StateRunning, true, false},
		{"ended elsewhere", "other", request.StateErrors, false, true},
	} {
		s := status.Status{State: c.state, Host: c.host, PID: dead, Updated: ahead, Listening: ahead}
		elsewhere := ""
		if c.host != host {
			elsewhere = c.host
		}
		if p := Presence(&s, now); p.AtWork != c.atWork || p.Listens != c.listens || p.Elsewhere != elsewhere {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}
