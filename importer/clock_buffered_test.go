package importer

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// buffering is a proxy that takes each request whole at once, and passes it on at a pace of its own.
type buffering struct{ pace int64 } // bytes a second

func (b buffering) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(time.Duration(n) * time.Second / time.Duration(b.pace)):
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"e"`}}, Body: http.NoBody, Request: r}, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// TestBufferedPayload: a payload that a proxy takes whole and passes on slowly has the same time as
// one that goes out slowly; one that is never answered ends.
func TestBufferedPayload(t *testing.T) {
	data := content.Inline(bytes.Repeat([]byte{7}, 16<<20))
	for name, test := range map[string]struct {
		pace int64
		took time.Duration // 0: it is answered
	}{
		"passed on":      {80 << 10, 0},
		"not answered":   {1, 2*time.Minute + 256*time.Second},
		"at once":        {1 << 30, 0},
		"barely in time": {request.Slowest, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s3test.CleanAWS(t)
			synctest.Test(t, func(t *testing.T) {
				o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: "http://s3.example.invalid", PathStyle: true, Transport: buffering{test.pace},
					Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}, Prefix: "in/"}
				to, err := NewS3(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				size := int64(len(data))
				took, err := timedCall(size, func(ctx context.Context) error {
					b := content.NewBody(data, 0, size).Watched(request.ClockOf(ctx))
					defer b.Detach()
					_, err := to.UploadPart(ctx, target.PartRequest{Key: "in/big", UploadID: "u", Number: 1, Body: b, Size: size, SHA256: [32]byte{1}})
					return err
				})
				if test.took == 0 && err != nil || test.took > 0 && (took != test.took || !target.HasCode(err, target.CodeConnectionLost)) {
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}
