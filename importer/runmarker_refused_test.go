package importer

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMarkerRefused: a start that may not look at the run's marker, for whatever reason the
// target gives, looks at a sample of its objects instead, and says so. A way to the target
// that is broken is no answer about the marker.
func TestMarkerRefused(t *testing.T) {
	refused := []target.Code{target.CodeRefused, target.CodeNotS3, target.CodeCredentialsRefused, target.CodeWrongRegion, target.CodeArchived, target.CodeKeyInvalid, target.CodeServerError}
	broken := []target.Code{target.CodeConnectionLost, target.CodeTargetAbsent, target.CodeTargetUntrusted, target.CodeThrottled, target.CodeNoSuchBucket, target.CodeCredentialsExpired, target.CodeClockSkew}
	for _, code := range append(refused, broken...) {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o := testOptions(t, disk)
		o.Retries = 1
		stopAfter(t, s, f, o, 20)
		key, before := "in/"+journalName(s.Scope(), o.RunID)+markerName, f.ours()
		marker := string(f.objects[key].data)
		f.hook = func(_ int, call, at string) (bool, error) {
			if call == "get" && at == key {
				return false, target.NewError(code, at, "status 405", nil)
			}
			if call == "put" && at == key {
				t.Errorf("%s: the marker was written anew", code)
			}
			return true, nil
		}
		var said bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&said, nil))
		res, err := Run(t.Context(), s, f, o)
		if isBroken := strings.Contains(strings.Join(names(broken), " "), string(code)); isBroken {
			if !target.HasCode(err, code) || f.ours() != before || marker != string(f.objects[key].data) {
				t.Errorf("%s: %v, %d objects of %d", code, err, f.ours(), before)
			}
			continue
		}
		if err != nil || !res.Complete || res.Recheck == nil || res.Recheck.Size != res.Recheck.Population || res.Recheck.AtMost != 0 {
			t.Errorf("%s: %v, %+v", code, err, res)
		}
		if !strings.Contains(said.String(), "the run's marker cannot be looked at") {
			t.Errorf("%s: said %s", code, said.String())
		}
		f.check(t, s, "in/")
	}
}

// TestMarkerRefusedElsewhere: a sample decides where the marker is not shown: a bucket that has
// none of it is another one, for a start and for a cancel.
func TestMarkerRefusedElsewhere(t *testing.T) {
	s, f, disk := manyFiles(40), newFake(t), memDisk()
	o := testOptions(t, disk)
	stopAfter(t, s, f, o, 20)
	whole := f.objects
	refuse := func(_ int, call, key string) (bool, error) {
		if call == "get" && isMarker(key) {
			return false, target.NewError(target.CodeNotS3, key, "status 405: a page in HTML", nil)
		}
		return true, nil
	}
	f.objects, f.hook = map[string]fakeObject{}, refuse
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) || len(f.objects) > 0 {
		t.Errorf("a start: %v, %d objects", err, len(f.objects))
	}
	if _, err := Cancel(t.Context(), s, deleting{f}, o, true); !target.HasCode(err, target.CodeTargetChanged) {
		t.Errorf("a cancel: %v", err)
	}
	f.objects = whole
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.Deleted < 20 {
		t.Errorf("the cancel at the run's target: %+v, %v", out, err)
	}
}

func names(codes []target.Code) (text []string) {
	for _, c := range codes {
		text = append(text, string(c))
	}
	return text
}

// TestMarkerNotTaken: a target that refuses the marker by its name, in whatever words, takes
// the objects all the same: the run goes on without a marker, and the next start as well.
func TestMarkerNotTaken(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied, target.CodeRefused, target.CodeNotS3, target.CodeCredentialsRefused, target.CodeWrongRegion} {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o := testOptions(t, disk)
		refuse := func(stop func()) func(int, string, string) (bool, error) {
			puts := 0
			return func(_ int, call, key string) (bool, error) {
				switch {
				case isMarker(key) && call == "put":
					return false, target.NewError(code, key, "status 403", nil)
				case call == "put" && ours(key):
					if puts++; puts == 20 {
						stop()
					}
				}
				return true, nil
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		f.hook = refuse(stop)
		if _, err := Run(ctx, s, f, o); f.ours() < 20 || target.HasCode(err, code) {
			t.Errorf("%s: %v, %d objects", code, err, f.ours())
		}
		stop()
		f.hook = refuse(func() {})
		if res := mustRun(t, s, f, o); !res.Complete || res.Recheck == nil || res.Recheck.Size < 20 {
			t.Errorf("%s: %+v", code, res)
		}
		f.check(t, s, "in/")
	}
}
