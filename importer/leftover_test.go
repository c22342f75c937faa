package importer

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

var lostAnswer = target.Unknown(target.NewError(target.CodeConnectionLost, "", "reset", nil))

// TestCreateRefused: a Create that the store refused has left nothing, however often
// it is tried while the operator is waited for, and nothing is named.
func TestCreateRefused(t *testing.T) {
	for _, code := range []target.Code{target.CodeTargetFull, target.CodeAccessDenied, target.CodeTargetAbsent} {
		s, f := mixed(), newFake(t)
		o, refused := patient(t, memDisk()), 0
		o.ExclusivePrefix, o.Retries = false, 1
		f.hook = func(n int, call, key string) (bool, error) {
			if ours(key) && call == "create" && refused < 20 {
				refused++
				return false, target.NewError(code, "", "no", nil)
			}
			return true, nil
		}
		if res := mustRun(t, s, f, o); !res.Complete || res.LeftUploads != 0 || refused < 20 {
			t.Errorf("%s, refused %d times: %+v", code, refused, res)
		}
		f.check(t, s, "in/")
	}
}

// TestLostCreateOfLostSource: a process dies between a Create and its answer. The next
// start cannot read the entry, or finds that it is there: the upload is aborted all the
// same, or named where the prefix is not ours alone.
func TestLostCreateOfLostSource(t *testing.T) {
	for _, there := range []bool{false, true} {
		for _, exclusive := range []bool{false, true} {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := testOptions(t, disk)
			o.ExclusivePrefix = false
			ctx, cancel := context.WithCancel(context.Background())
			var crashed vfs.FS
			f.hook = func(n int, call, key string) (bool, error) {
				if key == "in/big" && call == "create" {
					crashed = disk.CrashClone(newRand(1), 100)
					cancel()
					return true, lostAnswer
				}
				return true, nil
			}
			Run(ctx, s, f, o)
			f.hook = nil
			if len(f.uploads) != 1 {
				t.Fatalf("%d uploads", len(f.uploads))
			}
			if there {
				f.objects["in/big"] = fakeObject{data: []byte("something else")}
			} else {
				s.broken["big"] = target.NewError(target.CodeSourceLost, "", "fewer disks", nil)
			}
			o = testOptions(t, crashed)
			o.ExclusivePrefix = exclusive
			res := mustRun(t, s, f, o)
			if want := map[bool]int{true: 0, false: 1}[exclusive]; len(f.uploads) != want || res.LeftUploads != uint64(want) || res.Tally.Bad() != 1 {
				t.Errorf("there %v, exclusive %v: %d uploads, %+v", there, exclusive, len(f.uploads), res)
			}
		}
	}
}

// TestAbortDenied: an upload that could not be aborted is known until it is, to a
// later start as well as to Cancel.
func TestAbortDenied(t *testing.T) {
	for _, again := range []string{"run", "cancel"} {
		s, f, disk := mixed(), newFake(t), memDisk()
		o := testOptions(t, disk)
		o.ExclusivePrefix = false
		deny := func(n int, call, key string) (bool, error) {
			switch {
			case key == "in/big" && call == "part":
				return false, target.NewError(target.CodeRefused, "", "no", nil)
			case ours(key) && call == "abort":
				return false, target.NewError(target.CodeAccessDenied, "", "no right to abort", nil)
			}
			return true, nil
		}
		f.hook = deny
		if res := mustRun(t, s, f, o); res.LeftUploads != 1 || len(f.uploads) != 1 || res.Tally.Bad() != 1 {
			t.Fatalf("%d uploads, %+v", len(f.uploads), res)
		}
		if again == "run" {
			f.hook = nil
			if res := mustRun(t, s, f, o); !res.Complete || res.LeftUploads != 0 {
				t.Errorf("%+v", res)
			}
			f.check(t, s, "in/")
			continue
		}
		if out, err := Cancel(context.Background(), s, f, o, false); err != nil || out.Uploads != 1 || out.Aborted != 0 {
			t.Errorf("without the right: %+v, %v", out, err)
		}
		f.hook = nil
		if out, err := Cancel(context.Background(), s, f, o, false); err != nil || out.Uploads != 0 || out.Aborted != 1 || len(f.uploads) != 0 {
			t.Errorf("with it: %+v, %v, %d uploads", out, err, len(f.uploads))
		}
	}
}

// TestCreateUnjournalled: an upload whose id found no room in the journal is given
// back, and is no lost answer afterwards.
func TestCreateUnjournalled(t *testing.T) {
	s, f := mixed(), newFake(t)
	var created, looks atomic.Int64
	disk := &filling{FS: memDisk(), free: func() int64 {
		if created.Load() > 0 && looks.Add(1) < 10 {
			return 0
		}
		return minFree // so that each record looks
	}}
	o := patient(t, disk)
	o.ExclusivePrefix = false
	f.hook = func(n int, call, key string) (bool, error) {
		if ours(key) && call == "create" {
			created.Add(1)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, o); !res.Complete || res.LeftUploads != 0 || looks.Load() < 10 {
		t.Errorf("%d looks: %+v", looks.Load(), res)
	}
	f.check(t, s, "in/")
}

// leasedDisk is a state folder that another process takes over.
type leasedDisk struct {
	vfs.FS
	taken atomic.Bool
}

func (d *leasedDisk) Taken() uint64 { return 0 }

func (d *leasedDisk) Held() error {
	if d.taken.Load() {
		return target.NewError(target.CodeTakenOver, "", "by a test", nil)
	}
	return nil
}

// TestOrphanOfOther: a process that was replaced while it waited for the answer to a
// Create leaves the uploads of its successor alone.
func TestOrphanOfOther(t *testing.T) {
	for _, at := range []string{"create", "listuploads"} {
		s, f := mixed(), newFake(t)
		disk := &leasedDisk{FS: memDisk()}
		o := testOptions(t, disk)
		f.hook = func(n int, call, key string) (bool, error) {
			if key != "in/big" {
				return true, nil
			}
			if call == at {
				disk.taken.Store(true)
				f.uploads["theirs"] = &fakeUpload{key: key, initiated: f.now(), initiator: f.initiator, parts: map[int]fakePart{}}
			}
			if call == "create" {
				return true, lostAnswer
			}
			return true, nil
		}
		res, err := Run(context.Background(), s, f, o)
		if f.uploads["theirs"] == nil || !target.HasCode(err, target.CodeTakenOver) || res.LeftUploads == 0 {
			t.Errorf("at %s: uploads %v, %v, %+v", at, f.uploads, err, res)
		}
	}
}
