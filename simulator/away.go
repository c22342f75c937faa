package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// patient is longer than any outage here, by the clock of a life.
const patient = 10000 * time.Hour

// away: from one of its requests on the store is not there, or takes no credentials, for
// more requests than a run has retries. A run that may wait goes on by itself; one that may
// not ends, says why, and the next start goes on.
func (w *world) away(ctx context.Context, e Event, h *host, dice *rand.Rand) error {
	fault := []Fault{Refused, NoName, Unavailable}[dice.IntN(3)]
	if e.What == CredentialsExpire {
		fault = Expired
	}
	first, last := int64(1+dice.IntN(40+3*len(w.objects()))), int64(0)
	last = first + 100 + dice.Int64N(400)
	if dice.IntN(2) == 0 {
		h.patience = patient
	}
	var seen atomic.Int64
	wire := &Wire{Store: w.store(), Choose: func(*http.Request, int) Fault {
		if n := seen.Add(1); n >= first && n < last {
			return fault
		}
		return ""
	}}
	err := w.run(ctx, h, h.state, wire)
	waits := h.patience > 0
	h.patience = 0
	w.say("requests %d to %d: %s; waits %v; %d were made: %v", first, last-1, fault, waits, seen.Load(), err)
	if seen.Load() >= first {
		w.met[e.What]++
	}
	if probes := (*target.Error)(nil); waits && errors.As(err, &probes) && !isProbe(probes.Path) && h.result != nil && h.result.Probe.Done && first > 1 && gone(err) {
		return fmt.Errorf("%w: it might have waited, and ended: %w", errSteered, err)
	}
	return w.survived(err)
}

// gone reports whether a run ended because the target was not there.
func gone(err error) bool {
	return coded(err, target.CodeTargetAbsent) || coded(err, target.CodeCredentialsExpired) || coded(err, target.CodeServerError) || coded(err, target.CodeThrottled)
}
