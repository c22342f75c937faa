package importer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// scarceSource is a source whose process has no descriptors left for some calls.
type scarceSource struct {
	*fakeSource
	open, read, page bool
}

var errNoFiles = &os.PathError{Op: "open", Path: "d0/packs/1", Err: syscall.EMFILE}

func (s *scarceSource) Open(ctx context.Context, r *manifest.Record) (entry.Content, error) {
	if s.open {
		return nil, target.NewError(target.CodeSourceLost, r.Path, "pack 1", errNoFiles)
	}
	c, err := s.fakeSource.Open(ctx, r)
	if s.read {
		return scarceContent{c}, err
	}
	return c, err
}

type scarceContent struct{ entry.Content }

func (scarceContent) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("pack 1: %w", errNoFiles)
}

func (s *scarceSource) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	return s.fakeSource.Entries(ctx, from, func(e entry.Entry) error {
		if s.page && e.Page == 1 {
			return f(entry.Entry{Page: 1, Lost: errNoFiles})
		}
		return f(e)
	})
}

// TestNoDescriptors: a process that may open no more files loses nothing. The run ends
// for its operator, no object has an outcome for it, nothing is signed, and with more
// descriptors the same command goes on to the same receipts.
func TestNoDescriptors(t *testing.T) {
	for name, lack := range map[string]func(*scarceSource){
		"open": func(s *scarceSource) { s.open = true },
		"read": func(s *scarceSource) { s.read = true },
		"page": func(s *scarceSource) { s.page = true },
	} {
		t.Run(name, func(t *testing.T) {
			s, f, disk := &scarceSource{fakeSource: mixed()}, newFake(t), memDisk()
			lack(s)
			o := testOptions(t, disk)
			o.Directories = entry.PolicyEmpty
			res, err := Run(t.Context(), s, f, o)
			if !target.HasCode(err, target.CodeProcessLimit) || res == nil || res.ExitClass() != ExitFixable || res.Tally.Bad() > 0 || res.Receipts != "" {
				t.Fatalf("%v, %+v", err, res)
			}
			if res := mustRun(t, s.fakeSource, f, o); !res.Complete || res.Attempt != 1 {
				t.Errorf("with descriptors: %+v", res)
			}
		})
	}
}

// TestNoDescriptorsForState: the state folder's disk has not failed where a file of the
// journal or the receipts could not be opened or made.
func TestNoDescriptorsForState(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
		for _, op := range []vfs.OpKind{vfs.OpCreate, vfs.OpOpen} {
			for n := 1; ; n++ {
				s, f := mixed(), newFake(t)
				fault := vfs.NewFault(memDisk())
				fired := fault.Add(vfs.Rule{Op: op, Nth: n, Err: errno})
				_, err := Run(t.Context(), s, f, testOptions(nil, fault))
				if fired() == 0 {
					break
				}
				if err != nil && !target.HasCode(err, target.CodeProcessLimit) {
					t.Errorf("%v at the %d. %v: %v", errno, n, op, err)
				}
				fault.Clear()
				if res := mustRun(t, s, f, testOptions(nil, fault)); !res.Complete {
					t.Errorf("%v at the %d. %v, then: %+v", errno, n, op, res)
				}
				f.check(t, s, "in/")
			}
		}
	}
}

// TestNoDescriptorsForConnections: a connection that the process could not begin says
// nothing about the target, and the call had no effect.
func TestNoDescriptorsForConnections(t *testing.T) {
	socket := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	s3test.CleanAWS(t)
	var calls atomic.Int64
	o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"},
		Transport: tripper(func(*http.Request) (*http.Response, error) { calls.Add(1); return nil, socket })}}
	_, err := newS3(t, o).Head(t.Context(), "k")
	if !target.HasCode(err, target.CodeProcessLimit) || calls.Load() == 0 {
		t.Errorf("%v", errors.Unwrap(err))
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
