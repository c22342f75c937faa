package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
)

// storeTroubles are those by which a life's store is another one than S3: a life has one
// of them, so that what comes of it can be told.
var storeTroubles = []Trouble{StoreLies, OtherStore, KeysRenamed, AttributesDropped, HeadBehind, False412}

// otherStore makes the life's store another one, if it is still S3.
func (w *world) otherStore(what Trouble, dice *rand.Rand) {
	if w.kind != "" || what == KeysRenamed && !w.hasOdd() {
		return
	}
	w.kind, w.deferred = what, false
	w.met[what]++
	t := &w.bucket.Traits
	switch what {
	case StoreLies:
		*t = []Traits{{Unchecking: true}, {DropsChecksum: true}, {Silent: true}, {Dashless: true}, {NoConditions: true}, {WrongBytes: 3}, {WrongBytes: 3}}[dice.IntN(7)]
		w.readBack = dice.IntN(2) == 0
	case OtherStore:
		*t = Traits{Versioned: dice.IntN(2) == 0, SlowComplete: dice.IntN(2) == 0, RepeatedComplete200: dice.IntN(2) == 0, NoListBucket: dice.IntN(4) == 0 && !w.mirrored}
		if dice.IntN(2) == 0 {
			t.Page = 2
		}
		w.late = dice.IntN(2) == 0
	case KeysRenamed:
		t.Renames = true
	case AttributesDropped:
		kinds := [][]string{nil, {callPut}, {callCreate}, {callPut, callCreate}}
		t.DropsTags, t.DropsLock = kinds[dice.IntN(4)], kinds[dice.IntN(4)]
		w.rules.Version, t.Locks = 1, true
		w.rules.Objects = []plan.ObjectRule{{Given: target.Given{Tags: map[string]string{"class": "kept", "year": "2027"}}, Lock: &plan.LockRule{Mode: "GOVERNANCE", Days: 30}}}
		w.late = dice.IntN(2) == 0 && t.DropsLock == nil
	case HeadBehind:
		t.HeadLags = 1 + dice.IntN(4)
	case False412:
		t.Lies412 = []Lie{Takes412, Stores412}[dice.IntN(2)]
	}
	w.say("the store: %s; read back %v, published at the end %v", w.bucket.Traits, w.readBack, w.late)
}

// oddName is a name that a store of KeysRenamed keeps under another one.
const oddName = `odd\name`

func (w *world) hasOdd() bool {
	return slices.ContainsFunc(sortedKeys(w.objects()), func(key string) bool { return strings.Contains(key, `\`) })
}

// cannotKeep tells the keys that the store does not keep under their own names.
func (w *world) cannotKeep(key string) bool {
	return w.bucket.Traits.Renames && renamed(key) != key || w.bucket.lies(key, Takes412)
}

// allCanBe tells whether every entry can become an object: else a run that publishes all
// or nothing publishes nothing.
func (w *world) allCanBe() bool {
	for path, content := range w.held {
		if noKey(path, content) {
			return false
		}
	}
	return !w.lost && len(w.taken) == 0 && !w.swapped
}

// lacksLock tells the objects of a run that were stored without the lock that they were
// to have.
func (w *world) lacksLock(o *Object, run string) bool {
	return len(w.bucket.Traits.DropsLock) > 0 && o != nil && !o.Foreign && o.run() == run && o.Shown.Get("X-Amz-Object-Lock-Mode") == ""
}

// tagsUntold: tags that the store dropped of a run's objects, and nobody said so.
func (w *world) tagsUntold(run string) bool {
	if len(w.bucket.Traits.DropsTags) == 0 {
		return false
	}
	lacks := false
	for key := range w.objects() {
		o := w.bucket.Objects()[key]
		lacks = lacks || o != nil && !o.Foreign && o.run() == run && o.Shown.Get("X-Amz-Tagging-Count") == ""
	}
	return lacks && !slices.ContainsFunc(w.hosts, func(h *host) bool { return h.said[target.CodeAttributeDropped] })
}

// apart lets the clocks of store and hosts be up to ten minutes apart, and jump.
func (w *world) apart(dice *rand.Rand) {
	w.met[ClocksApart]++
	w.bucket.Traits.Clock, w.hostClock = jumping(dice), jumping(dice)
	w.say("the clocks jump")
}

// jumping is a clock's distance from the right time: another one after some looks.
func jumping(dice *rand.Rand) func(look int) time.Duration {
	seed, every := dice.Uint64(), 1+dice.IntN(200)
	return func(look int) time.Duration {
		return time.Duration(hash(seed, fmt.Sprint(look/every))%1201)*time.Second - 10*time.Minute
	}
}

// hostNow is the time by a host's clock.
func (w *world) hostNow() time.Time {
	if w.hostClock == nil {
		return w.clock.Now()
	}
	return w.clock.Now().Add(w.hostClock(int(w.looks.Add(1))))
}

// targetGone has an operator empty the bucket between two starts, or has the next start
// meet another tenant's bucket of the same name.
func (w *world) targetGone(ctx context.Context, what Trouble, h *host, dice *rand.Rand) error {
	if dice.IntN(2) == 0 {
		if err := w.interrupted(ctx, HostCrash, h, dice); err != nil {
			return err
		}
	}
	w.met[what]++
	w.bucket.Empty()
	clear(w.taken)
	w.swapped = true
	if what == TargetEmptied {
		w.say("the bucket was emptied")
		return nil
	}
	keys := slices.DeleteFunc(sortedKeys(w.objects()), w.cannotKeep)
	for i := range 1 + dice.IntN(3) {
		w.bucket.Plant(fmt.Sprintf("%stheirs-%d", keyPrefix, i), []byte("another tenant's"))
	}
	if len(keys) > 0 && dice.IntN(2) == 0 {
		key := keys[dice.IntN(len(keys))]
		w.bucket.Plant(key, append([]byte("another tenant's, not "), w.objects()[key]...))
		w.taken[key] = true
	}
	w.say("another tenant's bucket has the name, %d keys are taken", len(w.taken))
	return nil
}

// Empty takes everything out of the bucket, as its owner may.
func (b *Bucket) Empty() {
	b.begin()
	defer b.mu.Unlock()
	clear(b.objects)
	clear(b.uploads)
	clear(b.versions)
	clear(b.ended)
	clear(b.behind)
}

// goneOn is the start after one that ended by what this life's store or target is, once
// the operator has done what the end asks for; again is false if there is nothing to do.
func (w *world) goneOn(err error) (again, anew bool) {
	t := &w.bucket.Traits
	switch {
	case t.NoConditions && !w.unconditional && coded(err, target.CodeNoConditions):
		w.unconditional, w.mirrored = true, false // the operator says that nobody else writes here
		return true, true
	case t.NoListBucket && coded(err, target.CodeAccessDenied):
		t.NoListBucket = false
		return true, false
	case t.HeadLags > 0 && coded(err, target.CodeMissing): // of the probe
		t.HeadLags = 0
		return true, false
	case w.swapped && coded(err, target.CodeTargetChanged):
		w.swapped = false
		return true, true
	}
	return false, false
}
