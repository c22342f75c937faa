package statefolder

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestStatusOfCancel: while a cancel is at work the status says so, and what it has done; one that
// has ended, and one that has gone, are told as such.
func TestStatusOfCancel(t *testing.T) {
	now := time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cancel *status.Cancel
		silent time.Duration
		at     bool
		says   []string
		not    string
	}{
		{nil, time.Second, false, []string{": canceled\n"}, "cancel  "},
		{&status.Cancel{Deletes: true, Deleted: 12, Aborted: 1, Failed: 2}, time.Second, true,
			[]string{"canceling   at work since", "1 upload given up, 12 objects deleted, 2 could not be looked at or deleted"}, "not there"},
		{&status.Cancel{Left: 3}, time.Second, true, []string{"so far: 0 uploads given up, 3 objects looked at, which stay"}, "deleted"},
		{&status.Cancel{Ended: true, Deletes: true, Deleted: 12, Gone: 1}, time.Second, false, []string{"has ended: ", "12 objects deleted, 1 not there any more"}, "at work"},
		{&status.Cancel{Deletes: true, Deleted: 5}, time.Minute, false, []string{"without a word", "5 objects deleted", "Start the same sledge import cancel again"}, "at work"},
	} {
		r := &Status{Status: status.Status{Run: "run-1", State: request.StateCanceled, Host: host, PID: os.Getpid(), Updated: now.Add(-c.silent), Cancel: c.cancel}}
		r.judge(now)
		var text strings.Builder
		r.Print(&text)
		if r.Canceling != c.at || r.AtWork || strings.Contains(text.String(), c.not) {
			t.Errorf("%+v: canceling %v\n%s", c.cancel, r.Canceling, &text)
		}
		for _, says := range c.says {
			if !strings.Contains(text.String(), says) {
				t.Errorf("%+v: it does not say %q\n%s", c.cancel, says, &text)
			}
		}
	}
}
