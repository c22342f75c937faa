package importer

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/s3test"
)

// versioned is a bucket with versions, whose credentials may not read by version.
type versioned struct{ *fakeTarget }

func (v versioned) Head(ctx context.Context, key string) (target.Object, error) {
	o, err := v.fakeTarget.Head(ctx, key)
	o.VersionID = "v1"
	return o, err
}

func (v versioned) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if version != "" {
		return nil, target.NewError(target.CodeAccessDenied, key, "no s3:GetObjectVersion", nil)
	}
	return v.fakeTarget.Get(ctx, key, version)
}

// TestProbeReadsByVersion: a run's probe reads as the run does. Where the version may not be
// read, that is known before the first object.
func TestProbeReadsByVersion(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := testOptions(t, memDisk())
	o.ReadBack = true
	if res, err := Run(t.Context(), s, versioned{f}, o); !target.HasCode(err, target.CodeAccessDenied) || len(f.objects) > 0 || res.Probe.ReadsBack {
		t.Errorf("%v, %d objects, %+v", err, len(f.objects), res.Probe)
	}
}

// TestProbeTargetVersions: in a bucket with versions the rights to read and to delete one are
// asked for by name, and no version of the probe stays behind a delete marker.
func TestProbeTargetVersions(t *testing.T) {
	server := s3test.Start(t)
	for right, method := range map[string]string{"s3:GetObjectVersion": http.MethodGet, "s3:DeleteObjectVersion": http.MethodDelete, "none": ""} {
		w := newWire(t, server)
		markers := 0
		front := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			switch version := query.Has("versionId"); {
			case version && r.Method == method:
				rw.Header().Set("Content-Type", "application/xml")
				rw.WriteHeader(http.StatusForbidden)
				rw.Write([]byte("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"))
				return
			case version && r.Method == http.MethodGet: // versitygw has none here
				rest, _ := strings.CutPrefix(r.URL.Path, "/"+server.Bucket+"/")
				http.ServeFile(rw, &http.Request{Method: r.Method, URL: &url.URL{}, Header: http.Header{}}, filepath.Join(server.BucketFolder(), rest))
				return
			case version:
			case r.Method == http.MethodDelete && !query.Has("uploadId"):
				markers++
			case r.Method == http.MethodHead:
				rw.Header().Set("x-amz-version-id", "null")
			}
			w.Config.Handler.ServeHTTP(rw, r)
		})
		r, err := probeS3(t, server, func(o *Options) { o.Transport = handled{front} })
		if err != nil || markers > 0 {
			t.Fatalf("without %s: %v, %d deletions without a version", right, err, markers)
		}
		for _, name := range []string{"s3:GetObjectVersion", "s3:DeleteObjectVersion"} {
			want := probe.AnswerYes
			if name == right {
				want = probe.AnswerNotAllowed
			}
			if got := answersOf(r)[name]; got != want {
				t.Errorf("without %s: %s: %q", right, name, got)
			}
		}
		if reads := r.Probe.ReadsBack; reads != (method != http.MethodGet) {
			t.Errorf("without %s: reads back %v", right, reads)
		}
		os.RemoveAll(filepath.Join(server.BucketFolder(), "in"))
	}
}
