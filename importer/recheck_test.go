package importer

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/receipt/sign"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// manyFiles is a source of small files, some to a page.
func manyFiles(n int) *fakeSource {
	s := newSource()
	for i := range n {
		s.file(fmt.Sprintf("f%05d", i), []byte(fmt.Sprint(i)))
	}
	return s
}

// stopAfter runs an import that is stopped once so many objects are stored. It returns the key that was
// sent first.
func stopAfter(t *testing.T, s *fakeSource, f *fakeTarget, o Options, n int) (first string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	puts := 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && ours(key) {
			if puts++; puts == n {
				cancel()
			}
			if puts == 1 {
				first = key
			}
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, o); err == nil {
		t.Fatal("it was not stopped")
	}
	f.hook = nil
	return first
}

// TestRecheckEmptied: a start that finds none of what an earlier one has stored halts and
// sends nothing, whether the run has ended or not, and goes on where all is there again.
func TestRecheckEmptied(t *testing.T) {
	for _, ended := range []bool{false, true} {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o := testOptions(t, disk)
		if ended {
			mustRun(t, s, f, o)
		} else {
			stopAfter(t, s, f, o, 20)
		}
		whole := f.objects
		f.objects = map[string]fakeObject{}
		res, err := Run(t.Context(), s, f, o)
		if !target.HasCode(err, target.CodeTargetChanged) || res.ExitClass() != ExitFixable || res.Complete || len(f.objects) > 0 {
			t.Errorf("ended %v, emptied: %v, %d objects, %+v", ended, err, len(f.objects), res)
		}
		f.objects = whole
		res = mustRun(t, s, f, o)
		if !res.Complete || res.Earlier != ended || res.Recheck == nil || res.Recheck.Size != res.Recheck.Population || res.Recheck.AtMost != 0 {
			t.Errorf("ended %v, there again: %+v", ended, res)
		}
		f.check(t, s, "in/")
	}
}

// TestRecheckOther: an object that is there with other content, or of another size, is not
// what was stored.
func TestRecheckOther(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, disk))
	for _, key := range []string{"in/a", "in/big", "in/dir/", "in/dir/f"} {
		was, other := f.objects[key], target.Encode64(sum([]byte("x")))
		if was.kind == "COMPOSITE" {
			other += "-2"
		}
		f.objects[key] = fakeObject{data: append([]byte{1}, was.data[min(1, len(was.data)):]...), sha256: other, kind: was.kind, metadata: was.metadata}
		if _, err := Run(t.Context(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodeTargetChanged) {
			t.Errorf("%s: %v", key, err)
		}
		f.objects[key] = was
	}
	mustRun(t, s, f, testOptions(t, disk))
}

// TestRecheckBounded: where the marker is there a start looks at recheckSize objects and
// opens no more pages; the confidence is in the receipts. Where it is gone every object is
// looked at, and the marker is written anew.
func TestRecheckBounded(t *testing.T) {
	const files, stored = 1200, 1000
	for _, marker := range []string{"there", "gone", "another's"} {
		s, f, disk := manyFiles(files), newFake(t), memDisk()
		stopAfter(t, s, f, testOptions(t, disk), stored)
		key := "in/" + journalName(s.Scope(), "run-1") + markerName
		o, ok := f.objects[key]
		if !ok {
			t.Fatalf("no marker among %d objects", len(f.objects))
		}
		switch marker {
		case "gone":
			delete(f.objects, key)
		case "another's":
			o.data = []byte("another's")
			f.objects[key] = o
		}
		res := mustRun(t, s, f, testOptions(t, disk))
		c := res.Recheck
		if c == nil || c.Population < stored || c.Confidence != 0.99 {
			t.Fatalf("marker %s: %+v", marker, res)
		}
		if want := uint64(recheckSize); marker == "there" && (c.Size != want || c.AtMost == 0 || c.AtMost > c.Population/100) || marker != "there" && (c.Size != c.Population || c.AtMost != 0) {
			t.Errorf("marker %s: %+v", marker, c)
		}
		if _, left := f.objects[key]; left {
			t.Errorf("marker %s: it is left behind a complete run", marker)
		}
		total, err := vfs.ReadFile(disk, path.Join(res.Receipts, sign.TotalName), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var receipt receipt.Total
		if _, _, err := manifest.OpenStatement(total, manifest.PredicateReceipt, &receipt, testKey.Public().(ed25519.PublicKey)); err != nil || receipt.Recheck == nil || *receipt.Recheck != *c {
			t.Errorf("marker %s: %v, in the receipt %+v", marker, err, receipt.Recheck)
		}
		f.check(t, s, "in/")
	}
}

// TestRecheckFindsAFew: a marker that is gone shows every missing object; a sample misses
// a hundredth that is missing in fewer than one of a hundred starts.
func TestRecheckFindsAFew(t *testing.T) {
	s, f, disk := manyFiles(1200), newFake(t), memDisk()
	first := stopAfter(t, s, f, testOptions(t, disk), 1000)
	delete(f.objects, first)
	delete(f.objects, "in/"+journalName(s.Scope(), "run-1")+markerName)
	if _, err := Run(t.Context(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodeTargetChanged) {
		t.Errorf("one of 1,000 and the marker are gone: %v", err)
	}
	if p := math.Pow(1-0.01, recheckSize); p >= 0.01 {
		t.Errorf("a hundredth is missed with a probability of %v", p)
	}
}

// TestRecheckRenewed: credentials that are renewed while the run is halted may lead to
// another bucket: nothing is sent there, and with those of before the run goes on.
func TestRecheckRenewed(t *testing.T) {
	s, f := manyFiles(40), newFake(t)
	to := &elsewhere{renewing: renewing{fakeTarget: f}, other: newFake(t)}
	var puts atomic.Int64
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && ours(key) && puts.Add(1) > 20 && to.renewed.Load() < 3 {
			return false, target.NewError(target.CodeCredentialsExpired, "", "", nil)
		}
		return true, nil
	}
	var said []target.Code
	o := patient(t, memDisk())
	o.Problem = func(e *target.Error) { said = append(said, e.Code) }
	if res := mustRun(t, s, to, o); !res.Complete || to.renewed.Load() < 3 {
		t.Errorf("%+v", res)
	}
	if len(to.other.objects) > 0 || to.other.byCall["head"]+to.other.byCall["get"] == 0 {
		t.Errorf("the other bucket has %d objects, after %v", len(to.other.objects), to.other.byCall)
	}
	if fmt.Sprint(said) != fmt.Sprint([]target.Code{target.CodeCredentialsExpired, target.CodeTargetChanged}) {
		t.Errorf("said %v", said)
	}
	f.check(t, s, "in/")
}

// elsewhere is a target whose first two renewals lead to another bucket.
type elsewhere struct {
	renewing
	other *fakeTarget
}

func (e *elsewhere) at() *fakeTarget {
	if n := e.renewed.Load(); n == 1 || n == 2 {
		return e.other
	}
	return e.fakeTarget
}

func (e *elsewhere) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	return e.at().Put(ctx, in)
}
func (e *elsewhere) Head(ctx context.Context, key string) (target.Object, error) {
	return e.at().Head(ctx, key)
}

func (e *elsewhere) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	return e.at().Get(ctx, key, version)
}

// TestMarkerOfCancel: a run that was given up leaves no marker.
func TestMarkerOfCancel(t *testing.T) {
	s, f, disk := manyFiles(40), newFake(t), memDisk()
	stopAfter(t, s, f, testOptions(t, disk), 20)
	if _, err := Cancel(t.Context(), s, f, testOptions(t, disk), false); err != nil {
		t.Fatal(err)
	}
	for key := range maps.Keys(f.objects) {
		if strings.Contains(key, JournalPrefix) {
			t.Errorf("%s is left", key)
		}
	}
}
