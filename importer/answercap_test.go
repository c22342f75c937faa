package importer

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestEndlessAnswers: a store, or who answers in its place, that never ends an answer is
// given up after a bounded number of bytes; the content of an object is read to its end.
func TestEndlessAnswers(t *testing.T) {
	cleanAWS(t)
	const endless = 48 << 20 // "never" of this test
	var sent atomic.Int64
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		piece := []byte(strings.Repeat(" ", 1<<20))
		for range endless >> 20 {
			n, err := w.Write(piece)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	to, err := NewS3(t.Context(), Options{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Profile: "generic",
		Credentials: &Credentials{AccessKey: "a", SecretKey: "secretsecret"}})
	if err != nil {
		t.Fatal(err)
	}
	list := func() error { _, _, err := to.List(t.Context(), "p", ""); return err }
	for _, c := range []struct {
		name   string
		status int
		most   int64
		call   func() error
	}{
		{"error of a read", 403, maxErrorAnswer, func() error { _, err := to.Get(t.Context(), "k", ""); return err }},
		{"error of a write", 500, maxErrorAnswer, func() error { return to.Delete(t.Context(), "k", "") }},
		{"list", 200, maxAnswer, list},
		{"redirect", 307, maxErrorAnswer, list},
	} {
		sent.Store(0)
		status = c.status
		err := c.call()
		// The kernel's buffers take some more.
		if err == nil || sent.Load() > c.most+16<<20 {
			t.Errorf("%s: %v after %d bytes", c.name, err, sent.Load())
		}
		if (c.name == "list" || c.status == 500) && !target.IsUnknown(err) {
			t.Errorf("%s: it may be done: %v", c.name, err)
		}
	}
	status = 200
	body, err := to.Get(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, body)
	if err = errors.Join(err, body.Close()); err != nil || n != endless {
		t.Errorf("an object of %d bytes: %d read, %v", endless, n, err)
	}
}

// TestAnswerCap: an answer of just the length is whole.
func TestAnswerCap(t *testing.T) {
	for size, whole := range map[int]bool{0: true, 1: true, maxErrorAnswer: true, maxErrorAnswer + 1: false} {
		trip := roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 404, Body: io.NopCloser(strings.NewReader(strings.Repeat("a", size)))}, nil
		})
		r, err := http.NewRequest(http.MethodGet, "http://s3.example.org/k?x-id=GetObject", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := answerCap{trip}.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if (err == nil) != whole || len(text) != min(size, maxErrorAnswer) || err != nil && !target.HasCode(err, target.CodeServerError) {
			t.Errorf("%d bytes: %d read, %v", size, len(text), err)
		}
	}
}
