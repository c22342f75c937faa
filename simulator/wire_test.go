package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
)

// newImport makes an empty bucket and a host for a sealed life.
func (l *life) newImport() *world {
	l.bucket = &Bucket{Name: bucketName, Free: isOwn, Now: l.clock.Now}
	w := &world{life: l, exclusive: true, taken: map[string]bool{}, hosts: []*host{newHost("run-1")}}
	w.screen = newScreen(l.bucket, w.publishable)
	return w
}

// trial is one import of goods, from its first start to its last.
type trial struct {
	goods    *Goods
	bucket   *Bucket
	state    *vfs.Mem
	key      []byte
	readBack bool
	haltWait time.Duration
	backoff  time.Duration
	codes    map[target.Code]bool // of the problems that were named
}

func newTrial(g *Goods) *trial {
	return &trial{goods: g, bucket: &Bucket{Name: bucketName, Free: isOwn}, state: newMem(), key: testKey(), codes: map[target.Code]bool{}}
}

func testKey() []byte { return newLife(Plan{Seed: 1}).key() }

// start runs the import once.
func (t *trial) start(wire *Wire) (*importer.Result, error) {
	wire.Store, wire.Lose = t.bucket, t.bucket.Lose
	o := importer.Options{
		Config: s3.Config{Bucket: bucketName, Endpoint: "http://store.invalid", PathStyle: true, Transport: wire,
			Credentials: &s3.Credentials{AccessKey: "simulator", SecretKey: "simulated-secret"}}, Prefix: keyPrefix,
		ReadBack: t.readBack, ExclusivePrefix: true, Concurrency: 2, PartConcurrency: 1, HaltWait: t.haltWait, Backoff: t.backoff,
		StateDir: t.state, RunID: "run-1", ImporterKey: t.key,
		Problem: func(e *target.Error) { t.codes[e.Code] = true },
	}
	target, err := importer.NewS3(context.Background(), o)
	if err != nil {
		return nil, err
	}
	return importer.Run(context.Background(), t.goods, target, o)
}

// compare holds the bucket against the goods; whole: everything must be there.
func (t *trial) compare(whole bool) error {
	var bad []error
	want, have := t.goods.Objects(keyPrefix), t.bucket.Objects()
	for key, data := range want {
		switch o := have[key]; {
		case o == nil && whole:
			bad = append(bad, fmt.Errorf("%q is not in the target", key))
		case o != nil && !bytes.Equal(o.Data, data):
			bad = append(bad, fmt.Errorf("%q differs from the source", key))
		}
	}
	for key := range have {
		if _, ours := want[key]; !ours && !isOwn(key) {
			bad = append(bad, fmt.Errorf("%q should not be in the target", key))
		}
	}
	for _, text := range t.bucket.Violations() {
		bad = append(bad, errors.New(text))
	}
	return errors.Join(bad...)
}

// ended says what a start has come to, and by which code.
func (t *trial) ended(r *importer.Result, err error) (Ending, target.Code, error) {
	var halt *target.Error
	switch {
	case r == nil || err != nil && !errors.As(err, &halt):
		return "", "", fmt.Errorf("the run broke off: %w", err)
	case r.ExitClass() == importer.ExitComplete:
		return Completes, "", t.compare(true)
	case r.Halt != nil && !isDocumented(r.Halt.Code):
		return "", "", fmt.Errorf("halted by %v, which operators do not find in the table of codes", r.Halt)
	case r.Halt != nil:
		return Halts, r.Halt.Code, t.compare(false)
	}
	for _, l := range target.Codes() {
		if l.Class == target.FatalObject && t.codes[l.Code] {
			return Names, l.Code, t.compare(false)
		}
	}
	return "", "", fmt.Errorf("ended as %v, and named no object: %v", r.ExitClass(), t.codes)
}

func isDocumented(code target.Code) bool {
	return slices.ContainsFunc(target.Codes(), func(l target.CodeInfo) bool { return l.Code == code })
}

// first are faults that an import needs to make a call at all.
var first = map[string]map[string]Fault{
	callHead:        {callPut: ResetAfter},
	callListUploads: {callCreate: ResetAfter},
	callAbort:       {callComplete: Conflict409},
}

// meeting lets a fault meet a call so many times in a row, for each key and part: in
// the probe and at the run's marker, or of objects.
func meeting(fault Fault, call string, times int, probe bool) func(*http.Request, int) Fault {
	seen := map[string]int{}
	return func(r *http.Request, _ int) Fault {
		c, q := CallOf(r), r.URL.Query()
		if isOwn(r.URL.Path+q.Get("prefix")) != probe {
			return ""
		}
		name := c + r.URL.Path + q.Get("prefix") + q.Get("partNumber")
		seen[name]++ // whatever upload it is of
		switch n := seen[name]; {
		case c == call && n <= times:
			return fault
		case n == 1 && !probe:
			return first[call][c]
		}
		return ""
	}
}

// meet lets a fault meet a call, and finishes the import without it.
func meet(goods *Goods, k WireFault, call string, times int, probe bool, haltWait time.Duration) (end Ending, met bool, err error) {
	t := newTrial(goods)
	t.readBack, t.haltWait = call == callGet, haltWait
	if call == callListParts {
		t.start(&Wire{Choose: func(r *http.Request, _ int) Fault {
			if r.URL.Query().Get("partNumber") == "2" {
				return Denied
			}
			return ""
		}})
		clear(t.codes)
	}
	wire := &Wire{Choose: meeting(k.Name, call, times, probe)}
	r, err := t.start(wire)
	end, code, err := t.ended(r, err)
	if err != nil {
		return end, true, err
	}
	if end != Completes && !probe && (end != k.End || !slices.Contains(k.Codes, code)) {
		return end, true, fmt.Errorf("%s (%s), it should have ended as: %s %v", end, code, k.End, k.Codes)
	}
	wire.Flush()
	if r, err = t.start(&Wire{}); err != nil || r.ExitClass() != importer.ExitComplete {
		return end, true, fmt.Errorf("a start without faults ends as %v: %v", r.ExitClass(), err)
	}
	named := r.LeftUploads > 0 || t.codes[target.CodeOrphanUpload] || t.codes[target.CodeProbeLeft]
	if left := t.bucket.Uploads(); len(left) > 0 && k.End != Leaves && !named {
		err = fmt.Errorf("uploads of %q are left behind, unnamed", left)
	}
	return end, wire.Done()[k.Name] > 0, errors.Join(err, t.compare(true))
}

// TestEachFaultOfEachCall lets each fault meet each call, once and three times in a
// row, of objects and of the probe. It ends as the table says, at worst: every
// object right or named, none overwritten, no upload left behind unnamed. What halts
// a run lets it go on by itself where it waits for its operator.
func TestEachFaultOfEachCall(t *testing.T) {
	parts, err := NewGoods(1, 2, minPart+100)
	must(t, err)
	single, err := NewGoods(1, 2)
	must(t, err)
	runs, pairs := 0, map[string]bool{}
	for _, k := range FaultTable() {
		worst := Completes
		for _, call := range Calls() {
			if !k.Meets(call) {
				continue
			}
			goods := parts
			switch call {
			case callPut, callHead, callGet, callDelete:
				goods = single
			}
			try := func(times int, probe bool, haltWait time.Duration) (end Ending) {
				var met bool
				var err error
				synctest.Test(t, func(*testing.T) { end, met, err = meet(goods, k, call, times, probe, haltWait) })
				runs++
				if err != nil {
					t.Errorf("%s of %s, %d times, probe %v, wait %v: %v", k.Name, call, times, probe, haltWait, err)
				}
				if met {
					pairs[string(k.Name)+" of "+call] = true
				}
				return end
			}
			dice := len(k.Name) + len(call)
			if call == callDelete || dice%3 == 0 || long() {
				try(1+dice%3, true, 0)
			}
			for _, times := range []int{1, 3} {
				if !long() && times != 1+dice%2*2 {
					continue
				}
				end := try(times, false, 0)
				if end != Completes {
					worst = end
				}
				if end == Halts && try(times, false, time.Hour) == Halts {
					t.Errorf("%s of %s: the run waits for its operator, and does not go on", k.Name, call)
				}
			}
		}
		if worst != k.End && k.End != Leaves {
			t.Errorf("%s: %s at worst, the table says %s", k.Name, worst, k.End)
		}
	}
	t.Logf("figure: %d kinds of fault, %d with the call that they met, in %d imports", len(FaultTable()), len(pairs), runs)
}

// TestCompleteError: whatever becomes of the one Complete that counts, after a probe
// that showed the store at its best, its status alone decides nothing: 200 with an
// error in its body, or 404 for an upload that is gone, is not success.
func TestCompleteError(t *testing.T) {
	goods, err := NewGoods(2, 1, minPart+100)
	must(t, err)
	for _, k := range FaultTable() {
		if !k.Meets(callComplete) || k.End != Completes {
			continue
		}
		var end Ending
		var met bool
		synctest.Test(t, func(*testing.T) { end, met, err = meet(goods, k, callComplete, 1, false, 0) })
		if err != nil || !met || end != Completes {
			t.Errorf("%s: %s, met %v: %v", k.Name, end, met, err)
		}
	}
}

// TestFaultTable holds the table in docs/testing.md to that of the source.
func TestFaultTable(t *testing.T) {
	text, err := os.ReadFile("../docs/testing.md")
	must(t, err)
	for _, k := range FaultTable() {
		if row := k.row(); !bytes.Contains(text, []byte("\n"+row+"\n")) {
			t.Errorf("docs/testing.md has no line\n%s", row)
		}
	}
}

// row is a fault's line in the documentation.
func (k WireFault) row() string {
	calls, told, end := "all", "no", string(k.End)
	if k.Calls != nil {
		calls = strings.Join(k.Calls, ", ")
	}
	if k.Told {
		told = "yes"
	}
	var codes []string
	for _, c := range k.Codes {
		codes = append(codes, "`"+string(c)+"`")
	}
	if len(codes) > 0 {
		end += ": " + strings.Join(codes, ", ")
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", k.Name, calls, told, end)
}
