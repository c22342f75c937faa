package firmware

import (
	"errors"
	"testing"
)

var (
	states = []State{"", Provisioned, Locked, Unlocked, Loading, Sealed, Tampered}
	events = []EventKind{EventProvision, EventAdoptJob, EventExtendJob, EventUnlock, EventLock, EventLoadStart, EventLoadEnd, EventSealDone, EventReboot, EventTamper}
)

// TestNext holds every state × event. "-" is refused.
func TestNext(t *testing.T) {
	const no = State("-")
	table := map[State][10]State{
		//            provision    adopt   extend    unlock    lock         start    end       seal    reboot       tamper
		"":          {Provisioned, no, no, no, no, no, no, no, no, no},
		Provisioned: {no, Locked, no, no, Provisioned, no, no, no, Provisioned, Tampered},
		Locked:      {no, Locked, Locked, Unlocked, Locked, no, no, Sealed, Locked, Tampered},
		Unlocked:    {no, no, Unlocked, Unlocked, Locked, Loading, Unlocked, Sealed, Locked, Tampered},
		Loading:     {no, no, Loading, Loading, Locked, Loading, Unlocked, Sealed, Locked, Tampered},
		Sealed:      {no, Locked, no, no, Sealed, no, no, Sealed, Sealed, Tampered},
		Tampered:    {no, no, no, no, no, no, no, no, no, Tampered},
	}
	if len(table) != len(states) {
		t.Fatalf("the table has %d states, want %d", len(table), len(states))
	}
	for _, s := range states {
		for i, e := range events {
			got, err := next(s, e)
			want := table[s][i]
			if want == no {
				wantErr := ErrForbidden
				if s == Tampered {
					wantErr = ErrTampered
				}
				if got != s || !errors.Is(err, wantErr) {
					t.Errorf("next(%q, %s) = %q, %v; want refused with %v", s, e, got, err, wantErr)
				}
				continue
			}
			if got != want || err != nil {
				t.Errorf("next(%q, %s) = %q, %v; want %q", s, e, got, err, want)
			}
		}
	}
}

// TestNextUnknown: a state or event that nobody knows is refused.
func TestNextUnknown(t *testing.T) {
	if s, err := next("drying", EventLock); s != "drying" || !errors.Is(err, ErrForbidden) {
		t.Errorf("unknown state: %q, %v", s, err)
	}
	for _, s := range states {
		if got, err := next(s, "sneeze"); got != s || err == nil {
			t.Errorf("unknown event in %q: %q, %v", s, got, err)
		}
	}
}

// TestNextReach: every state is reached from nothing, and none leaves Tampered.
func TestNextReach(t *testing.T) {
	seen := map[State]bool{"": true}
	queue := []State{""}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, e := range events {
			to, err := next(s, e)
			if err == nil && !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	if len(seen) != len(states) {
		t.Errorf("reached %v of %v", seen, states)
	}
}
