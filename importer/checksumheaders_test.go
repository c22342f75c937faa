package importer

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/s3test"
)

// refusingChecksums is a store that takes no checksum header, as Backblaze's says it.
type refusingChecksums struct {
	mu      sync.Mutex
	refused int
}

func (f *refusingChecksums) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Checksum") || strings.HasPrefix(name, "X-Amz-Sdk-Checksum") || strings.HasPrefix(name, "X-Amz-Mp-") || name == "X-Amz-Trailer" {
			f.refused++
			body := "<Error><Code>InvalidArgument</Code><Message>Unsupported header '" + strings.ToLower(name) + "' received for this API call.</Message></Error>"
			return &http.Response{StatusCode: 400, Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestNoChecksumHeaders: a store that refuses x-amz-checksum headers is imported into by
// a profile that says so, and every object is read back.
func TestNoChecksumHeaders(t *testing.T) {
	server, disk, store := s3test.Start(t), memDisk(), &refusingChecksums{}
	s := mixed()
	o := s3Options(t, server, disk)
	o.Transport = store
	_, err := Run(context.Background(), s, newS3(t, o), o)
	if !target.HasCode(err, target.CodeRefused) || !target.IsClass(err, target.Fixable) || !strings.Contains(target.AsError(err).Remedy, "no_checksum_headers") || store.refused == 0 {
		t.Fatalf("without the flag: %v", err)
	}
	if o.Profiles, err = target.ReadProfiles([]byte(`{"profiles":[{"name":"versitygw","no_checksum_headers":true}]}`)); err != nil {
		t.Fatal(err)
	}
	store.refused = 0
	target := newS3(t, o)
	res, err := Run(context.Background(), s, target, o)
	if err != nil || !res.Complete || store.refused > 0 {
		t.Fatalf("%v, %d refused, %+v", err, store.refused, res)
	}
	if res.Probe.Checking || res.Tally.Proofs[entry.ProofReadBack] != 8 {
		t.Errorf("proofs %v, probe %v", res.Tally.Proofs, res.Probe)
	}
	for key := range s.objects("in/") {
		if _, err := target.Head(context.Background(), key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}
