package simulator_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sledge-io/sledge/simulator"
)

// TestLives lives lives from a fixed seed for a while; SLEDGE_SEED chooses another.
func TestLives(t *testing.T) {
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("SLEDGE_SEED"), 10, 64); err == nil {
		seed = s
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := simulator.Run(ctx, simulator.Options{Seed: seed, Lives: 40})
	for _, f := range s.Findings {
		t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
	}
	t.Logf("figure: seed %d: %d lives, %d events, met %v, wire %v", seed, s.Lives, s.Events, s.Met, s.Wire)
}
