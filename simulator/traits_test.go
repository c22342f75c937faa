package simulator

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
)

// storeTraits are what stores do that the plain double does not.
func storeTraits() map[string]Traits {
	return map[string]Traits{
		"versions":                 {Versioned: true},
		"slow":                     {SlowComplete: true},
		"repeated":                 {RepeatedComplete200: true},
		"slow, repeated, versions": {SlowComplete: true, RepeatedComplete200: true, Versioned: true},
		"pages":                    {Page: 2},
		"HEAD lags":                {HeadLags: 3},
		"no ListBucket":            {NoListBucket: true},
		"412, not stored":          {Lies412: Takes412},
		"412, stored":              {Lies412: Stores412},
		"clock ahead":              {Clock: func(int) time.Duration { return 10 * time.Minute }},
		"clock behind":             {Clock: func(int) time.Duration { return -10 * time.Minute }},
		"clock jumps":              {Clock: func(call int) time.Duration { return time.Duration(hash(1, fmt.Sprint(call))%21-10) * time.Minute }},
	}
}

// TestTraits imports into stores with traits, while requests fail. In the end everything
// is there, or what is not is named; nothing is left behind without a word.
func TestTraits(t *testing.T) {
	seeds := uint64(2)
	if long() {
		seeds = 30
	}
	for _, name := range slices.Sorted(maps.Keys(storeTraits())) {
		traits := storeTraits()[name]
		for seed := range seeds {
			if err := importInto(traits, seed); err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
			}
		}
	}
}

// importInto imports into a store, four times under faults, then without.
func importInto(traits Traits, seed uint64) error {
	dice := rand.New(rand.NewPCG(seed, 0x74726169))
	goods, err := NewGoods(seed, 2, minPart+100+int(seed%2)*minPart)
	if err != nil {
		return err
	}
	trial := newTrial(goods)
	trial.bucket.Traits, trial.bucket.Seed, trial.backoff = traits, seed, time.Microsecond
	trial.readBack = dice.IntN(2) == 0
	names := map[string]bool{}
	unseen := 0
	for range 4 {
		clear(trial.codes)
		wire := &Wire{Patience: time.Millisecond, Seed: dice.Uint64(), Rate: 0.15, Faults: WireFaults()}
		r, err := trial.start(wire)
		wire.Flush()
		for code := range trial.codes {
			names[string(code)] = true
		}
		if _, _, err := trial.ended(r, err); err != nil && len(trial.codes) == 0 {
			return err
		}
		for _, m := range wire.Met() {
			if m.Fault == Late && isOwn(m.Key) {
				unseen++
			}
		}
		if r != nil && r.ExitClass() == importer.ExitComplete {
			break
		}
	}
	clear(trial.codes)
	r, err := trial.start(&Wire{})
	end, code, err := trial.ended(r, err)
	if err != nil {
		return err
	}
	bad := trial.compare(end == Completes)
	switch {
	case end == Completes:
	case traits.NoListBucket && end == Halts && code == target.CodeAccessDenied:
	case (traits.HeadLags > 0 || traits.Lies412 == Takes412) && end == Names && (code == target.CodeMissing || code == target.CodeConflict || code == target.CodeNotShown):
	default:
		bad = errors.Join(bad, fmt.Errorf("%s (%s)", end, code))
	}
	named := names[string(target.CodeProbeLeft)] || names[string(target.CodeJournalLeft)]
	for key := range trial.bucket.Objects() {
		if isOwn(key) && unseen == 0 && !named && end == Completes {
			bad = errors.Join(bad, fmt.Errorf("%q is left, and nobody said so", key))
		}
	}
	for key, n := range trial.bucket.Hidden() {
		if unseen == 0 && !names[string(target.CodeProbeLeft)] && end == Completes && !isJournal(key) {
			bad = errors.Join(bad, fmt.Errorf("%d older versions of %q", n, key))
		}
	}
	if left := trial.bucket.Uploads(); len(left) > 0 && !names[string(target.CodeProbeLeft)] && !names[string(target.CodeOrphanUpload)] && end == Completes {
		bad = errors.Join(bad, fmt.Errorf("uploads of %q are left", left))
	}
	return bad
}
