package importer

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestCancelWithoutLeaving: a target that takes no marker for the time of the deletes, for whatever
// reason, keeps a cancel from none of them. A stop there ends it.
func TestCancelWithoutLeaving(t *testing.T) {
	for _, code := range []target.Code{target.CodeTargetFull, target.CodeThrottled, target.CodeAttributeRefused, target.CodeConnectionLost, target.CodeAccessDenied} {
		s, f, disk := mixed(), newFake(t), memDisk()
		mustRun(t, s, f, testOptions(t, disk))
		had, tried := f.ours(), false
		f.hook = func(_ int, call, key string) (bool, error) {
			no := call == "put" && strings.HasSuffix(key, "/"+markerName)
			tried = tried || no
			return !no, when(target.NewError(code, key, "no", nil), no)
		}
		out, err := Cancel(t.Context(), s, deleting{f}, testOptions(t, disk), true)
		if err != nil || !tried || int(out.Deleted) != had || f.ours() > 0 || out.JournalLeft != "" {
			t.Errorf("%s: %+v of %d, %v, tried %v", code, out, had, err, tried)
		}
	}
	s, f, disk := mixed(), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, disk))
	had := f.ours()
	state := &losing{FS: disk}
	f.hook = func(_ int, call, key string) (bool, error) {
		if state.lost = state.lost || call == "put" && strings.HasSuffix(key, "/"+markerName); state.lost {
			return false, target.NewError(target.CodeTakenOver, key, "it is another's", nil)
		}
		return true, nil
	}
	if _, err := Cancel(t.Context(), s, deleting{f}, testOptions(t, state), true); !target.HasCode(err, target.CodeTakenOver) || f.ours() != had {
		t.Errorf("taken over: %v, %d of %d objects", err, f.ours(), had)
	}
}

// losing is a state folder that another process takes.
type losing struct {
	vfs.FS
	lost bool
}

func (l *losing) Held() error {
	return when(target.NewError(target.CodeTakenOver, "", "the holder is another", nil), l.lost)
}

func (l *losing) Taken() uint64 { return 0 }
