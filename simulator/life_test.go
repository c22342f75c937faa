package simulator_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/sledge-io/sledge/simulator"
)

// TestRegressions lives again what was a finding once (testdata/findings; a finding
// of sledge simulate --json has its plan), three times, for the order of operations
// varies.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no findings are kept", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p simulator.Plan
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for range 3 {
			synctest.Test(t, func(t *testing.T) { // a takeover waits
				if r := simulator.Live(t.Context(), p); r.Finding != nil {
					t.Errorf("%s: %v\n%v", file, r.Finding, r.Log)
				}
			})
		}
	}
}

// TestDoubleStarts starts a second command on the disks, or in the state folder, of
// one that is at work, in every way and at many moments.
func TestDoubleStarts(t *testing.T) {
	doubles := []simulator.Trouble{simulator.DoubleLoad, simulator.DoubleSeal, simulator.DoubleImport}
	s := simulator.Run(context.Background(), simulator.Options{Seed: 1, Lives: 8, Faults: doubles})
	for _, f := range s.Findings {
		t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
	}
	for _, what := range doubles {
		if s.Met[what] == 0 {
			t.Errorf("%s never happened", what)
		}
	}
	t.Logf("figure: %d commands refused while another was at work", s.Events)
}

// TestOtherHosts lets hosts with an empty state folder take imports over, or give them
// up, from ones that are dead or frozen at any request. The wait for the other host to
// notice costs no time here.
func TestOtherHosts(t *testing.T) {
	others := []simulator.Trouble{simulator.OtherHost, simulator.OtherCancel}
	lives := 16
	if n, err := strconv.Atoi(os.Getenv("SLEDGE_RUNS")); err == nil {
		lives = n
	}
	var s *simulator.Summary
	synctest.Test(t, func(t *testing.T) {
		s = simulator.Run(t.Context(), simulator.Options{Seed: 1, Lives: lives, Faults: others})
	})
	for _, f := range s.Findings {
		t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
	}
	for _, what := range others {
		if s.Met[what] == 0 {
			t.Errorf("%s never happened", what)
		}
	}
	t.Logf("figure: %d lives, %d takeovers, %d cancels from another host", s.Lives, s.Met[simulator.OtherHost], s.Met[simulator.OtherCancel])
}

// TestSources loads sources that fail, change kinds, and are taken for each other, and
// loads that are left half-way; what is told of them is held against a naive account.
func TestSources(t *testing.T) {
	for _, faults := range [][]simulator.Trouble{
		{simulator.SourceFails, simulator.OtherMedium, simulator.SecondSource, simulator.KindsFlip, simulator.ModesChange, simulator.LinksRotate, simulator.SmallDisks},
		{simulator.Continued, simulator.Abandoned, simulator.LeftUnfinished, simulator.KindsFlip},
	} {
		met := map[simulator.Trouble]bool{}
		happened := func(what simulator.Trouble) bool { return met[what] }
		lives, events := 0, 0
		// What an interruption leaves depends on when it hits: seeds are drawn until
		// everything has happened.
		for seed := uint64(1); seed == 1 || seed < 100 && !all(faults, happened); seed += 14 {
			s := simulator.Run(context.Background(), simulator.Options{Seed: seed, Lives: 14, Faults: faults})
			for _, f := range s.Findings {
				t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
			}
			for _, what := range faults {
				met[what] = met[what] || s.Met[what] > 0
			}
			lives, events = lives+s.Lives, events+s.Events
		}
		if !all(faults, happened) {
			t.Errorf("of %v only these happened: %v", faults, met)
		}
		t.Logf("figure: %d lives of sources, %d events", lives, events)
	}
}

// TestSourcesContinueFlipped: lives in which an interrupted load goes on after entries
// that it had loaded have changed their kind. It told more of them than there are.
func TestSourcesContinueFlipped(t *testing.T) {
	for _, seed := range []uint64{1045, 1066, 1093} {
		s := simulator.Run(context.Background(), simulator.Options{Seed: seed, Lives: 1, Faults: []simulator.Trouble{simulator.Continued, simulator.KindsFlip}})
		for _, f := range s.Findings {
			t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
		}
	}
}

func all[T any](list []T, is func(T) bool) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !is(v) })
}

// TestLives lives lives from a fixed seed; SLEDGE_SEED chooses another. What waits
// costs no time here.
func TestLives(t *testing.T) {
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("SLEDGE_SEED"), 10, 64); err == nil {
		seed = s
	}
	var s *simulator.Summary
	synctest.Test(t, func(t *testing.T) {
		s = simulator.Run(t.Context(), simulator.Options{Seed: seed, Lives: 25})
	})
	for _, f := range s.Findings {
		t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
	}
	t.Logf("figure: seed %d: %d lives, %d events, met %v, wire %v", seed, s.Lives, s.Events, s.Met, s.Wire)
}

// TestKindsAndLinks flips kinds with a cut between the commits, and rotates and swaps
// hard links: an older version must not be found under a newer name, and what was
// called safe must be held.
func TestKindsAndLinks(t *testing.T) {
	s := simulator.Run(context.Background(), simulator.Options{Seed: 1, Lives: 16, Faults: []simulator.Trouble{simulator.KindsFlip, simulator.LinksRotate}})
	for _, f := range s.Findings {
		t.Errorf("%s\n%s\n%v", f.Replay, f.Text, f.Log)
	}
	for _, what := range []simulator.Trouble{simulator.FlipCut, simulator.LinksSwap, simulator.LinksFail} {
		if s.Met[what] == 0 {
			t.Errorf("%s never happened", what)
		}
	}
	t.Logf("figure: %d lives, %d flips, %d rotations, of these %d cut, %d swapped", s.Lives, s.Met[simulator.KindsFlip], s.Met[simulator.LinksRotate], s.Met[simulator.FlipCut], s.Met[simulator.LinksSwap])
}
