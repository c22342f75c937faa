package importer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCreateTwice: an upload that a Create began which the network delivered twice is found
// and aborted at the end, if nothing else writes below the prefix; whatever else is there
// is left.
func TestCreateTwice(t *testing.T) {
	for _, exclusive := range []bool{true, false} {
		s, f := mixed(), newFake(t)
		plant := func(id, key, who string, when time.Time) {
			f.uploads[id] = &fakeUpload{key: key, initiator: who, initiated: when, parts: map[int]fakePart{}}
		}
		plant("before", "in/big", f.initiator, f.now().Add(-time.Minute))
		twice := false
		f.hook = func(_ int, call, key string) (bool, error) {
			if call == "create" && key == "in/big" && !twice {
				twice = true
				plant("twice", key, f.initiator, f.now())
				plant("them", key, "them", f.now())
				plant("no-entry", "in/nothing-of-ours", f.initiator, f.now())
				plant("elsewhere", "out/big", f.initiator, f.now())
			}
			return true, nil
		}
		o := testOptions(t, memDisk())
		o.ExclusivePrefix = exclusive
		res := mustRun(t, s, f, o)
		if !res.Complete || !twice {
			t.Fatalf("exclusive %v: %+v", exclusive, res)
		}
		for _, id := range []string{"before", "them", "no-entry", "elsewhere"} {
			if f.uploads[id] == nil {
				t.Errorf("exclusive %v: somebody else's upload %q was aborted", exclusive, id)
			}
		}
		if left := f.uploads["twice"] != nil; left == exclusive {
			t.Errorf("exclusive %v: the second upload is left: %v", exclusive, left)
		}
		if exclusive && f.byCall["abort"] == 0 {
			t.Error("nothing was aborted")
		}
	}
}

// TestSweepRefused: a list that is refused, or an upload that cannot be aborted, ends no import.
func TestSweepRefused(t *testing.T) {
	for _, what := range []string{"listbelow", "abort"} {
		s, f := mixed(), newFake(t)
		f.hook = func(_ int, call, key string) (bool, error) {
			if call == "create" && key == "in/big" {
				f.uploads["twice"] = &fakeUpload{key: key, initiator: f.initiator, initiated: f.now(), parts: map[int]fakePart{}}
			}
			if call == what && !strings.Contains(key, probe.Prefix) {
				return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
			}
			return true, nil
		}
		named := false
		o := testOptions(t, memDisk())
		o.Problem = func(e *target.Error) { named = named || e.Code == target.CodeOrphanUpload && e.Path == "in/big" }
		if res := mustRun(t, s, f, o); !res.Complete || named != (what == "abort") || (res.LeftUploads > 0) != named {
			t.Errorf("%s: named %v, %+v", what, named, res)
		}
	}
}

// TestLeftOnce: an upload that cannot be aborted is named and counted once, however often
// that is tried: by the entry that gives it up, and by the look for leftovers; one that
// can be aborted in the end is not counted.
func TestLeftOnce(t *testing.T) {
	for _, mended := range []bool{false, true} {
		s, f := mixed(), newFake(t)
		f.hook = func(_ int, call, key string) (bool, error) {
			switch {
			case key == "in/big" && call == "part":
				return false, target.NewError(target.CodeRefused, "", "no", nil)
			case key == "in/big" && call == "abort" && !(mended && f.byCall["listbelow"] > 0):
				return false, target.NewError(target.CodeAccessDenied, "", "no right to abort", nil)
			}
			return true, nil
		}
		named := 0
		o := testOptions(t, memDisk())
		o.Problem = func(e *target.Error) {
			if e.Code == target.CodeOrphanUpload {
				named++
			}
		}
		if res := mustRun(t, s, f, o); res.LeftUploads != uint64(len(f.uploads)) || named != 1 || (len(f.uploads) == 0) != mended {
			t.Errorf("mended %v: %d counted, %d named, %d are there", mended, res.LeftUploads, named, len(f.uploads))
		}
		if mended {
			continue
		}
		named = 0
		if out, err := Cancel(context.Background(), s, f, o, false); err != nil || out.Uploads != 1 || named != 1 {
			t.Errorf("canceled: %+v, %v, %d named", out, err, named)
		}
	}
}

// TestLostCreateOnce: so is one that was found after the answer to its Create was lost.
func TestLostCreateOnce(t *testing.T) {
	s, f := mixed(), newFake(t)
	f.hook = func(_ int, call, key string) (bool, error) {
		switch {
		case key == "in/big" && call == "create" && len(f.uploads) == 0:
			return true, lostAnswer
		case key == "in/big" && call == "abort":
			return false, target.NewError(target.CodeAccessDenied, "", "no right to abort", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, testOptions(t, memDisk())); res.LeftUploads != 1 || len(f.uploads) != 1 {
		t.Errorf("%d counted, %d are there", res.LeftUploads, len(f.uploads))
	}
}

// TestCancelSweeps: a cancel looks for uploads that nobody was told of, as the end of a run
// does, and leaves those of others.
func TestCancelSweeps(t *testing.T) {
	s, f := mixed(), newFake(t)
	disk := killedAt(t, s, f, 1)
	plant := func(id, key, who string) {
		f.uploads[id] = &fakeUpload{key: key, initiator: who, initiated: f.now(), parts: map[int]fakePart{}}
	}
	plant("twice", "in/big", f.initiator)
	plant("them", "in/big", "them")
	plant("no-entry", "in/nothing-of-ours", f.initiator)
	o, named := testOptions(t, disk), uint64(0)
	o.Problem = func(e *target.Error) {
		if e.Code == target.CodeOrphanUpload {
			named++ // a Create without an answer was in the journal: "them" may be of it
		}
	}
	out, err := Cancel(context.Background(), s, f, o, false)
	if err != nil || out.Aborted == 0 || out.Uploads != named || f.uploads["twice"] != nil || len(f.uploads) != 2 {
		t.Errorf("%+v, %v, %d uploads", out, err, len(f.uploads))
	}
}

// TestCancelCountsLostCreates: a process was killed before Create was answered. A cancel
// finds the upload by its key, aborts it, and counts it.
func TestCancelCountsLostCreates(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	var crashed vfs.FS
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "create" && key == "in/big" && crashed == nil {
			crashed = disk.CrashClone(newRand(1), 50)
			kill()
		}
		return true, nil
	}
	Run(ctx, s, f, testOptions(t, disk))
	f.hook = nil
	if crashed == nil {
		t.Fatal("no upload was begun")
	}
	f.uploads = map[string]*fakeUpload{"mine": {key: "in/big", initiator: f.initiator, initiated: f.now(), parts: map[int]fakePart{}}}
	delete(f.objects, "in/big")
	out, err := Cancel(context.Background(), s, f, testOptions(t, crashed), false)
	if err != nil || out.Aborted != 1 || out.Uploads != 0 || len(f.uploads) != 0 {
		t.Errorf("%+v, %v, %d uploads", out, err, len(f.uploads))
	}
}

// TestTimeIsNamed: a call whose time has run out, again and again, is an error of the target
// like any other: the run halts for it, or names the object. (Seed 1206 of make
// import-faults at MinIO: a start that ended incomplete, and nobody said why.)
func TestTimeIsNamed(t *testing.T) {
	late := target.Unknown(target.NewError(target.CodeConnectionLost, "", "no answer in 2s", context.DeadlineExceeded))
	for _, where := range []string{probe.Prefix, "in/big", "in/a"} {
		for _, what := range []string{"put", "head", "create", "part", "complete", "get"} {
			s, f := mixed(), newFake(t)
			met := false
			f.hook = func(_ int, call, key string) (bool, error) {
				if call == what && strings.Contains(key, where) {
					met = true
					return false, late
				}
				return true, nil
			}
			codes := map[target.Code]int{}
			o := testOptions(nil, memDisk())
			o.ReadBack, o.Retries = true, 2
			o.Problem = func(e *target.Error) { codes[e.Code]++ }
			res, err := Run(context.Background(), s, f, o)
			if res == nil {
				t.Fatalf("%s of %q: no result: %v", what, where, err)
			}
			if !met {
				continue
			}
			if class := res.ExitClass(); class != ExitFixable || codes[target.CodeConnectionLost] == 0 {
				t.Errorf("%s of %q: %v, %v, named: %v", what, where, class, err, codes)
			}
			if halted := res.Halt != nil; halted != (err != nil) || halted && !target.HasCode(err, target.CodeConnectionLost) {
				t.Errorf("%s of %q: halt %v, error %v", what, where, res.Halt, err)
			}
		}
	}
}

// TestProbeNamesLeft: whatever a probe may have left is named, also where it cannot list its
// uploads, where it fails itself, and where it is not the first of its run. (Seed 1117 of make
// import-faults at MinIO.)
func TestProbeNamesLeft(t *testing.T) {
	refused := target.NewError(target.CodeRefused, "", "status 501: NotImplemented", nil)
	lost := target.Unknown(target.NewError(target.CodeConnectionLost, "", "reset", nil))
	denied := target.NewError(target.CodeAccessDenied, "", "no", nil)
	tests := []struct {
		name string
		hook func(f *fakeTarget, call, key string) (bool, error)
		left string // what is named; "" is nothing
	}{
		{"the answer to a Create is lost, and nothing may be listed", func(f *fakeTarget, call, key string) (bool, error) {
			switch {
			case call == "create" && f.byCall[call] == 1:
				return true, lost
			case call == "listuploads":
				return false, refused
			}
			return true, nil
		}, probe.Prefix},
		{"the same, and it is listed", func(f *fakeTarget, call, key string) (bool, error) {
			if call == "create" && f.byCall[call] == 1 {
				return true, lost
			}
			return true, nil
		}, ""},
		{"nothing may be listed", func(f *fakeTarget, call, key string) (bool, error) {
			if call == "listuploads" {
				return false, refused
			}
			return true, nil
		}, ""},
		{"the probe fails, and nothing can be aborted", func(f *fakeTarget, call, key string) (bool, error) {
			if call == "part" || call == "abort" {
				return false, refused
			}
			return true, nil
		}, "/parts"},
		{"asking for another key leaves an object", func(f *fakeTarget, call, key string) (bool, error) {
			probing := strings.Contains(key, probe.Prefix)
			switch {
			case !probing && key == "in/a":
				f.byCall["denied"]++
				return false, denied
			case probing && f.byCall["denied"] > 0 && call == "delete":
				return false, refused
			}
			return true, nil
		}, "/put"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, f := mixed(), newFake(t)
			f.hook = func(_ int, call, key string) (bool, error) { return test.hook(f, call, key) }
			var left []string
			o := patient(t, memDisk())
			o.HaltWait = 50 * time.Millisecond
			o.Problem = func(e *target.Error) {
				if e.Code == target.CodeProbeLeft {
					left = append(left, e.Path)
				}
			}
			_, err := Run(context.Background(), s, f, o)
			named := strings.Join(left, " ")
			if test.left == "" && len(left) > 0 || !strings.Contains(named, test.left) {
				t.Errorf("named %q (%v)", left, err)
			}
			for id, u := range f.uploads {
				if strings.Contains(u.key, probe.Prefix) && !strings.Contains(named, u.key) {
					t.Errorf("upload %s of %q is left, and nobody said so (named %q)", id, u.key, left)
				}
			}
		})
	}
}
