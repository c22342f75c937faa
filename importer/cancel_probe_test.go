package importer

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// unwritable lets nothing be written any more, by one code.
func unwritable(code target.Code) func(int, string, string) (bool, error) {
	return func(_ int, call, key string) (bool, error) {
		if call == "put" || call == "create" || call == "part" || call == "complete" {
			return false, target.NewError(code, key, "no", nil)
		}
		return true, nil
	}
}

// TestCancelUnwritable: a full target, or one where the credentials may not write any more, is
// cleaned up without a probe, and what cannot be searched for is named.
func TestCancelUnwritable(t *testing.T) {
	for _, code := range []target.Code{target.CodeTargetFull, target.CodeAccessDenied, target.CodePolicyDenied} {
		s, f, disk := mixed(), newFake(t), memDisk()
		o := testOptions(nil, disk)
		o.Lanes, o.Concurrency = 1, 1
		var crashed vfs.FS // when the answer of a Create is lost
		f.hook = func(_ int, call, key string) (bool, error) {
			if crashed != nil {
				return false, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
			}
			if key == "in/big" && call == "create" {
				crashed = disk.CrashClone(newRand(1), 0)
				return true, target.Unknown(target.NewError(target.CodeConnectionLost, key, "no answer", nil))
			}
			return true, nil
		}
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCredentialsRefused) || len(f.uploads) != 1 {
			t.Fatalf("%v, %d uploads", err, len(f.uploads))
		}
		o.StateDir = stateOf(crashed)
		stored := f.ours()
		f.hook = unwritable(code)
		var named []string
		o.Problem = func(e *target.Error) {
			if e.Code == target.CodeOrphanUpload {
				named = append(named, e.Path)
			}
		}
		out, err := Cancel(t.Context(), s, deleting{f}, o, true)
		if err != nil || out.NoProbe == "" || stored == 0 || out.Deleted != uint64(stored) || out.Uploads != 1 || len(f.objects) != 0 {
			t.Errorf("%s: %+v, %v; of %d objects %d are left", code, out, err, stored, len(f.objects))
		}
		if text := strings.Join(named, " "); text != "in/big in/" {
			t.Errorf("%s: named %q", code, text)
		}
	}
}

// TestCancelUnreachable: a target that answers nothing ends the cancel, and nothing is marked.
func TestCancelUnreachable(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	mustRun(t, s, f, o)
	f.hook = func(_ int, _, key string) (bool, error) {
		return false, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
	}
	if _, err := Cancel(t.Context(), s, deleting{f}, o, true); !target.HasCode(err, target.CodeCredentialsRefused) {
		t.Error(err)
	}
	if _, err := disk.Stat(receipt.CancelName); err == nil {
		t.Error("it is marked")
	}
}
