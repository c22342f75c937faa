package importer

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestNoUploadList: a store that lists no uploads, whatever it says instead, takes an import all
// the same. The run says what it cannot look for; a cancel aborts the uploads that the journal
// knows, and names what it cannot search.
func TestNoUploadList(t *testing.T) {
	for _, answer := range []struct {
		status int
		code   string
	}{{501, "NotImplemented"}, {405, "MethodNotAllowed"}, {400, "InvalidRequest"}, {403, "AccessDenied"}, {404, "NoSuchKey"}, {404, "NoSuchUpload"}} {
		err := listingUploads(t, answer.status, answer.code)
		s, f, disk := mixed(), newFake(t), memDisk()
		o := testOptions(nil, disk)
		o.Lanes, o.Concurrency, o.PartConcurrency = 1, 1, 1
		if answer.status != 501 { // the others in short
			s = newSource()
			s.file("a", []byte("hello"))
			f.hook = func(_ int, call, _ string) (bool, error) {
				return true, when(err, call == "listuploads" || call == "listbelow")
			}
			if res := mustRun(t, s, f, o); !res.Complete || !strings.Contains(res.Probe.String(), "NOT lists uploads (status ") {
				t.Errorf("%d %s: %+v", answer.status, answer.code, res)
			}
			continue
		}
		var crashed vfs.FS
		f.hook = func(_ int, call, key string) (bool, error) {
			switch {
			case call == "listuploads" || call == "listbelow":
				return false, err
			case crashed != nil:
				return false, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
			case key == "in/big" && call == "part":
				crashed = disk.CrashClone(newRand(1), 0)
			}
			return true, nil
		}
		res, runErr := Run(t.Context(), s, f, o)
		if !target.HasCode(runErr, target.CodeCredentialsRefused) || len(f.uploads) != 1 || !strings.Contains(res.Probe.String(), "NOT lists uploads (status ") {
			t.Fatalf("%d %s: %v, %d uploads, %s", answer.status, answer.code, runErr, len(f.uploads), res.Probe)
		}
		f.hook = func(_ int, call, _ string) (bool, error) { return true, when(err, strings.HasPrefix(call, "list")) }
		var named []*target.Error
		o.StateDir, o.Problem = stateOf(crashed), func(e *target.Error) { named = append(named, e) }
		out, cancelErr := Cancel(t.Context(), s, f, o, false)
		if cancelErr != nil || out.Aborted != 1 || len(f.uploads) != 0 || len(named) != 1 || named[0].Code != target.CodeOrphanUpload || !strings.Contains(named[0].Cause, answer.code) {
			t.Errorf("%d %s: %+v, %v, named %v", answer.status, answer.code, out, cancelErr, named)
		}
	}
}

// TestNoPartList: where the parts of an interrupted upload are not told, they are sent again.
func TestNoPartList(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied} {
		s, f, disk := mixed(), newFake(t), memDisk()
		f.twoWriters = true // parts come again
		o := testOptions(nil, disk)
		o.Lanes, o.Concurrency, o.PartConcurrency = 1, 1, 1
		parts := 0
		f.hook = func(_ int, call, key string) (bool, error) {
			if key == "in/big" && call == "part" {
				if parts++; parts > 1 {
					return false, target.NewError(target.CodeCredentialsRefused, key, "no", nil)
				}
			}
			return true, nil
		}
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeCredentialsRefused) {
			t.Fatal(err)
		}
		f.hook = func(_ int, call, key string) (bool, error) {
			return true, when(target.NewError(code, key, "no list", nil), call == "listparts")
		}
		if res := mustRun(t, s, f, o); !res.Complete || res.PartsKept != 0 {
			t.Errorf("%s: %+v", code, res)
		}
		f.check(t, s, "in/")
	}
}

func when(err error, yes bool) error {
	if yes {
		return err
	}
	return nil
}

// listingUploads is what a store's answer to ListMultipartUploads becomes.
func listingUploads(t *testing.T, status int, code string) error {
	o := testOptions(t, memDisk())
	o.Endpoint, o.PathStyle, o.Credentials = "http://store.invalid", true, &s3.Credentials{AccessKey: "a", SecretKey: "b"}
	o.Region = "us-east-1"
	o.Transport = handled{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		w.Write([]byte("<Error><Code>" + code + "</Code><Message>no</Message></Error>"))
	})}
	return newS3(t, o).ListUploads(t.Context(), "in/a", func(target.Upload) error { return nil })
}
