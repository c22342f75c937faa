package pause

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestUntil never ends early, however short the time.
func TestUntil(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 3 * time.Millisecond} {
		began := time.Now()
		if err := For(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < d {
			t.Errorf("%v took %v", d, took)
		}
	}
}

func TestContextEnds(t *testing.T) {
	reason := errors.New("reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(reason) })
	if err := For(ctx, time.Hour); !errors.Is(err, reason) {
		t.Error(err)
	}
}
