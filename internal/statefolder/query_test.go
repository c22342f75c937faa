package statefolder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/advice"
)

// TestSteerOfGone: a process that ends after it was asked is not waited for, and a pause that
// nobody heard does not hold the next start.
func TestSteerOfGone(t *testing.T) {
	host, _ := os.Hostname()
	state := stateWith(t, status.Status{State: request.StateRunning, Host: host, PID: deadProcess(t), Updated: time.Now().Add(-2500 * time.Millisecond)})
	began := time.Now()
	_, err := (&Query{}).Steer(context.Background(), state, time.Now, status.WantPause)
	if !errors.Is(err, ErrNoRun) || errors.Is(err, ErrSilent) || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	var asked status.Control
	if text, err := os.ReadFile(filepath.Join(state, status.ControlName)); err != nil || json.Unmarshal(text, &asked) != nil || asked.Want != status.WantRun {
		t.Errorf("the next start is asked for %q, %v", asked.Want, err)
	}
}

// TestSteerOfEnded: what can be done about a run that nobody works on depends on how it ended.
func TestSteerOfEnded(t *testing.T) {
	for end, want := range map[request.State]string{
		request.StateCanceled: "--run-id",
		request.StateDone:     "nothing is left to do",
		request.StateErrors:   "sledge import retry",
		request.StateStopped:  "the same sledge import run goes on",
		request.StateTaken:    "the process that has taken it over",
	} {
		state := stateWith(t, status.Status{State: end, Updated: time.Now()})
		_, err := (&Query{}).Steer(context.Background(), state, time.Now, status.WantRun)
		var advised *advice.Hinted
		if !errors.Is(err, ErrNoRun) || !errors.As(err, &advised) || !strings.Contains(strings.Join(advised.Hints, " "), want) {
			t.Errorf("%s: %v", end, err)
		}
	}
}

// TestSteerPastUnreadableStatus: a status that a power cut has left empty keeps nobody from
// the other runs of the folder. It is warned of, once a command.
func TestSteerPastUnreadableStatus(t *testing.T) {
	host, _ := os.Hostname()
	now := time.Now()
	state := stateWith(t, status.Status{Host: host, PID: os.Getpid(), State: request.StatePaused, Updated: now})
	run := filepath.Join(state, importer.RunsFolder, "run-0")
	if err := errors.Join(os.MkdirAll(run, 0o755), os.WriteFile(filepath.Join(run, status.Name), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	f := &Query{Warn: func(format string, args ...any) { fmt.Fprintf(&errs, format+"\n", args...) }}
	s, err := f.Status(state, now)
	if err != nil || s.Run != "run-1" || strings.Count(errs.String(), "run-0") != 2 || !strings.Contains(errs.String(), "cannot be read") {
		t.Errorf("%v, %v, %q", s, err, errs.String())
	}
	f.Run = "run-0"
	_, err = f.Status(state, now)
	if !errors.Is(err, ErrNoRun) || !strings.Contains(err.Error(), "runs/run-0/status.json") {
		t.Errorf("the unreadable one itself: %v", err)
	}
}

// TestSteerWhateverHolds: a pause is answered as soon as the run has taken it, whatever its state
// is, and a word that was not obeyed yet is not taken for answered. A process of before these
// fields answers by its state.
func TestSteerWhateverHolds(t *testing.T) {
	host, _ := os.Hostname()
	for _, c := range []struct {
		name         string
		want         status.Want
		state, after request.State
		silent       bool // it says nothing of what it has heard
		older        bool
	}{
		{"halted", status.WantPause, request.StateHalted, request.StateHalted, false, false},
		{"hours", status.WantPause, request.StateAsleep, request.StatePaused, false, false},
		{"halted, resumed", status.WantRun, request.StateHalted, request.StateHalted, false, false},
		{"an older process", status.WantPause, request.StateRunning, request.StatePaused, false, true},
		{"not heard", status.WantPause, request.StateHalted, request.StateHalted, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := status.Status{State: c.state, Host: host, PID: os.Getpid(), Updated: time.Now()}
			state := stateWith(t, s)
			began, clock := time.Now(), time.Now()
			tick := func() time.Time { // a second passes at each look, in which the run tells anew
				text, err := os.ReadFile(filepath.Join(state, status.ControlName))
				var asked status.Control
				s.Updated, s.Run, s.Version = clock, "run-1", status.Version
				if clock = clock.Add(time.Second); err == nil && json.Unmarshal(text, &asked) == nil && !c.silent {
					if s.State = c.after; !c.older {
						s.Paused, s.Heard = asked.Want == status.WantPause, asked.At
					}
				}
				if text, err = json.Marshal(s); err == nil {
					err = os.WriteFile(filepath.Join(state, status.Name), text, 0o600)
				}
				if err != nil {
					t.Error(err)
				}
				return clock
			}
			got, err := (&Query{}).Steer(t.Context(), state, tick, c.want)
			if c.silent != errors.Is(err, ErrSilent) || !c.silent && (err != nil || got.isPaused() != (c.want == status.WantPause)) {
				t.Errorf("%v, %+v", err, got)
			}
			if took := time.Since(began); !c.silent && took > 3*time.Second {
				t.Errorf("after %v", took)
			}
		})
	}
}
