package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/manifest"
)

// TestMemoryLimit: the limit is the verb's budget and a fixed part, however large.
func TestMemoryLimit(t *testing.T) {
	for budget, want := range map[int64]int64{0: 216 << 20, 256 << 20: 472 << 20, 512 << 20: 728 << 20, math.MaxInt64: math.MaxInt64} {
		if got := memoryLimit(budget); got != want {
			t.Errorf("budget %d: limit %d instead of %d", budget, got, want)
		}
	}
}

// TestImportLimit: an import that may take --memory for its buffers has a limit that lets
// it take so much, unless GOMEMLIMIT says otherwise.
func TestImportLimit(t *testing.T) {
	const percent = 150
	t.Setenv("GOGC", "")
	before, collections := debug.SetMemoryLimit(-1), debug.SetGCPercent(percent)
	defer func() { debug.SetMemoryLimit(before); debug.SetGCPercent(collections) }()
	for _, test := range []struct {
		env, memory string
		limit       int64
	}{{"", "256MiB", 472 << 20}, {"", "512MiB", 728 << 20}, {"300MiB", "512MiB", before}} {
		t.Setenv("GOMEMLIMIT", test.env)
		debug.SetMemoryLimit(before)
		var f importFlags
		flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
		f.add(flags)
		f.addRun(flags)
		if err := flags.Parse([]string{"--memory", test.memory, "--target", "s3://bucket/in/"}); err != nil {
			t.Fatal(err)
		}
		f.dry = true // which needs no key
		a := &app{now: time.Now, err: os.Stderr}
		if _, err := a.importOptions(&f, &appliance.Set{Job: &manifest.Job{}}); err != nil {
			t.Fatal(err)
		}
		if got := debug.SetMemoryLimit(-1); got != test.limit {
			t.Errorf("--memory %s: limit %d instead of %d", test.memory, got, test.limit)
		}
		want := percent // a limit that somebody else has set may leave no room for rare collections
		if test.env == "" {
			want = rareCollections
		}
		if got := debug.SetGCPercent(percent); got != want {
			t.Errorf("--memory %s, limit %q: collections at %d %% instead of %d", test.memory, test.env, got, want)
		}
	}
}
