package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/s3test"
)

// vanishing is a store that forgets uploads and says so in its own words.
type vanishing struct {
	mu     sync.Mutex
	method string
	code   string
	times  int
	met    int
}

func (v *vanishing) RoundTrip(r *http.Request) (*http.Response, error) {
	v.mu.Lock()
	hit := r.Method == v.method && r.URL.Query().Has("uploadId") && !strings.Contains(r.URL.Path, probe.Prefix) && v.met < v.times
	if hit {
		v.met++
	}
	v.mu.Unlock()
	if !hit {
		return http.DefaultTransport.RoundTrip(r)
	}
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
	}
	status := http.StatusNotFound
	if v.code == "InvalidPart" {
		status = http.StatusBadRequest
	}
	body := fmt.Sprintf("<Error><Code>%s</Code></Error>", v.code)
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// TestUploadGone: an upload that has vanished is begun anew in the same run, in whatever
// words the store says so, and whenever it is noticed.
func TestUploadGone(t *testing.T) {
	for _, test := range []struct{ method, code string }{
		{http.MethodPost, "NoSuchKey"}, {http.MethodPost, "NoSuchUpload"}, {http.MethodPost, "InvalidPart"},
		{http.MethodPut, "NoSuchKey"}, {http.MethodPut, "NoSuchUpload"},
	} {
		for _, deferred := range []int{0, 100} {
			t.Run(fmt.Sprintf("%s to %s, held %d", test.code, test.method, deferred), func(t *testing.T) {
				server, disk := s3test.Start(t), memDisk()
				s, store := mixed(), &vanishing{method: test.method, code: test.code, times: 1}
				o := s3Options(t, server, disk)
				o.Transport, o.DeferComplete = store, deferred
				res, err := Run(context.Background(), s, newS3(t, o), o)
				if err != nil || !res.Complete || store.met != 1 || res.LeftUploads > 0 {
					t.Fatalf("met %d: %v, %+v", store.met, err, res)
				}
			})
		}
	}
}

// TestUploadGoneAtResume: Ceph answers ListParts of an upload that was aborted by
// NoSuchKey, too. An upload that is gone does not come back: it is not asked for again and again.
func TestUploadGoneAtResume(t *testing.T) {
	server, disk := s3test.Start(t), memDisk()
	s := mixed()
	o := s3Options(t, server, disk)
	ctx, cancel := context.WithCancel(context.Background())
	o.Called = func(c request.Attempt) {
		if c.Name == request.UploadPart && c.Payload > 1<<20 {
			cancel()
		}
	}
	if _, err := Run(ctx, s, newS3(t, o), o); err == nil {
		t.Fatal("the first start was not stopped")
	}
	store := &vanishing{method: http.MethodGet, code: "NoSuchKey", times: 1000}
	o.Called, o.Transport = nil, store
	res, err := Run(context.Background(), s, newS3(t, o), o)
	if err != nil || !res.Complete || store.met != request.LooksForGone {
		t.Fatalf("met %d: %v, %+v", store.met, err, res)
	}
}

// TestPartsNeverTaken: a store that takes every part and never the whole ends one object,
// after few uploads of it.
func TestPartsNeverTaken(t *testing.T) {
	server, disk := s3test.Start(t), memDisk()
	s, store := mixed(), &vanishing{method: http.MethodPost, code: "InvalidPart", times: 1000}
	o := s3Options(t, server, disk)
	o.Transport = store
	res, err := Run(context.Background(), s, newS3(t, o), o)
	if err != nil || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || res.Tally.Outcomes[entry.OutcomeStored] != 7 || store.met != maxPartRounds {
		t.Fatalf("met %d: %v, %+v", store.met, err, res)
	}
}

// TestVanishedUploadCodes: the calls of an upload, in Ceph's words.
func TestVanishedUploadCodes(t *testing.T) {
	server := s3test.Start(t)
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodGet, http.MethodDelete} {
		o := s3Options(t, server, memDisk())
		o.Transport = &vanishing{method: method, code: "NoSuchKey", times: 1}
		to, ctx := newS3(t, o), context.Background()
		var err error
		switch method {
		case http.MethodPut:
			_, err = to.UploadPart(ctx, target.PartRequest{Key: "k", UploadID: "u", Number: 1, Body: bytes.NewReader([]byte("x")), Size: 1, SHA256: [32]byte(sum([]byte("x")))})
		case http.MethodPost:
			_, err = to.CompleteUpload(ctx, target.CompleteRequest{Key: "k", UploadID: "u", Parts: []target.Part{{Number: 1, ETag: "e"}}, Size: 1})
		case http.MethodGet:
			err = to.ListParts(ctx, "k", "u", func(target.Part) error { return nil })
		case http.MethodDelete:
			if err := to.AbortUpload(ctx, "k", "u"); err != nil {
				t.Errorf("abort: %v", err)
			}
			continue
		}
		if !target.HasCode(err, target.CodeUploadGone) || !target.IsClass(err, target.Retryable) {
			t.Errorf("%s: %v", method, err)
		}
	}
}
