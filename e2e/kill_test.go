package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/s3test"
)

// killer kills the program at random moments (kill -9), a given number of times.
type killer struct {
	t     *testing.T
	rng   *rand.Rand
	left  int
	done  map[string]int           // kills by verb
	usual map[string]time.Duration // how long a verb took that was not killed
}

// patience is after how many kills of one command it is let through: each call
// goes on where the one before was killed, but a call needs some time to begin.
const patience = 8

// complete runs a command again and again, killing it, until it has ended by
// itself with exit code 0.
func (k *killer) complete(w *world, args func() []string) {
	k.t.Helper()
	for attempt := 0; ; attempt++ {
		cmd := w.command(args()...)
		verb := cmd.Args[1]
		killAfter := time.Duration(-1)
		if k.left > 0 && attempt < patience {
			killAfter = time.Duration(k.rng.Float64() * 0.9 * float64(k.usual[verb]))
		}
		start := time.Now()
		r, killed := k.run(w, cmd, killAfter)
		if killed {
			k.left--
			k.done[verb]++
			continue
		}
		if r.code != 0 {
			k.t.Fatalf("sledge %s after %d kills: %s", verb, attempt, r)
		}
		if attempt == 0 && killAfter < 0 {
			k.usual[verb] = time.Since(start)
		}
		return
	}
}

// run runs a command and kills it after a time, if it has not ended before.
func (k *killer) run(w *world, cmd *exec.Cmd, after time.Duration) (r *ran, killed bool) {
	k.t.Helper()
	r = w.finish(cmd, func() {
		if after >= 0 {
			time.AfterFunc(after, func() { cmd.Process.Kill() }) // no harm once it has ended
		}
	})
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return r, ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// kills is how many kills to do: SLEDGE_KILLS, 30 without it (make kills: 200).
func kills(t *testing.T) int {
	n := 30
	if s := os.Getenv("SLEDGE_KILLS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("SLEDGE_KILLS: %v", err)
		}
	}
	return n
}

// TestKills kills load, seal and import at random moments and runs the same
// command again until it is done. At the end every byte is compared.
func TestKills(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	n := kills(t)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SLEDGE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SLEDGE_SEED: %v", err)
		}
	}
	t.Logf("%d kills, seed %d (SLEDGE_SEED)", n, seed)
	src := makeTree(t, 3, 150, 17<<20+1, 33<<20+5)
	k := &killer{t: t, rng: rand.New(rand.NewPCG(seed, 1)), done: map[string]int{}, usual: map[string]time.Duration{}}
	server := s3test.Start(t)
	site := k.life(nil, server, src) // no kills: how long does what take?
	k.left = n
	for life := 1; k.left > 0 && !t.Failed(); life++ {
		if life > n+3 {
			t.Fatalf("%d kills are left after %d lives: the delays are too long", k.left, life)
		}
		k.life(site, server, src)
	}
	t.Logf("figure: kills: %v", k.done)
	for _, verb := range []string{"load", "seal", "import"} {
		if n >= 30 && k.done[verb] == 0 {
			t.Errorf("%s was never killed", verb)
		}
	}
}

// life is one device's life with kills.
func (k *killer) life(share *world, server *s3test.Server, src string) *world {
	k.t.Helper()
	w := newWorld(k.t, options{share: share, server: server, job: []string{"--fips"}})
	w.unlock()
	k.complete(w, func() []string { return w.loadArgs(src) })
	answer := w.wrapAnswer()
	k.complete(w, func() []string { return w.sealArgs(answer) })
	if r := w.run(append([]string{"verify", "disks"}, w.trust()...)...); r.code != 0 {
		k.t.Errorf("verify disks: %s", r)
	}
	k.complete(w, func() []string { return w.importArgs() })
	w.compareObjects(src)
	w.compareExtracted(src)
	for _, dir := range []string{w.path("disks"), w.path("import"), w.prefixFolder()} {
		if err := os.RemoveAll(dir); err != nil { // one life's bytes at a time
			k.t.Error(fmt.Errorf("clean up: %w", err))
		}
	}
	return w
}
