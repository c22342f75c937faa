package simulator_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/sledge-io/sledge/simulator"
)

// TestSteering lives imports that are paused, wait for their hours, lose their store or their
// credentials for longer than all retries, and are taken over by another host meanwhile. A
// third of them publishes all or nothing.
func TestSteering(t *testing.T) {
	steered := []simulator.Trouble{simulator.StoreAway, simulator.CredentialsExpire, simulator.ImportPaused, simulator.HoursEnd, simulator.PausedHost,
		simulator.AsleepHost, simulator.HostCrash, simulator.WireFails, simulator.KeyTaken}
	lives, seed := 8, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("SLEDGE_RUNS")); err == nil {
		lives = n
	}
	if n, err := strconv.ParseUint(os.Getenv("SLEDGE_SEED"), 10, 64); err == nil {
		seed = n
	}
	var s *simulator.Summary
	synctest.Test(t, func(t *testing.T) {
		s = simulator.Run(t.Context(), simulator.Options{Seed: seed, Lives: lives, Faults: steered})
	})
	for _, f := range s.Findings {
		t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
	}
	for _, what := range steered {
		if s.Met[what] == 0 && lives >= 24 {
			t.Errorf("%s never happened", what)
		}
	}
	t.Logf("figure: %d lives with steered imports, %v", s.Lives, s.Met)
}
