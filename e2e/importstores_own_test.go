package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// storeOnce is a store that completes an upload once, and holds no object.
type storeOnce struct{ completed bool }

func (s *storeOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || s.completed {
		return refuse(r, http.StatusNotFound, "NoSuchKey", "No."), nil
	}
	s.completed = true
	text := "<CompleteMultipartUploadResult/>"
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Amz-Version-Id": {"7"}}, Request: r, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// TestOtherStore holds what make import-faults puts before its stores: what it does
// otherwise, what it leaves alone, and that it is counted under the request's key.
func TestOtherStore(t *testing.T) {
	ask := func(o *otherStore, method, path string) string {
		r, err := http.NewRequest(method, "http://store"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := o.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Header.Get("X-Amz-Version-Id") + string(text)
	}
	for name, test := range map[string]struct {
		repeats, listless bool
		asks              []string // and a piece of each answer
		met               int
	}{
		"as S3":           {false, false, []string{"POST /b/k?uploadId=1", "Result", "POST /b/k?uploadId=1", "NoSuchKey", "HEAD /b/k", "NoSuchKey"}, 0},
		"repeats":         {true, false, []string{"POST /b/k?uploadId=1", "7<CompleteM", "POST /b/k?uploadId=1", "7<CompleteM", "POST /b/k?uploadId=2", "NoSuchKey"}, 1},
		"lists nothing":   {false, true, []string{"GET /b?list-type=2&prefix=p", "AccessDenied", "HEAD /b/k", "AccessDenied", "GET /b/k", "AccessDenied", "GET /b/k?uploadId=1", "NoSuchKey", "GET /b?uploads", "NoSuchKey", "POST /b/k?uploadId=1", "Result"}, 3},
		"granted at last": {false, true, []string{"HEAD /b/k", "AccessDenied", "grant", "", "HEAD /b/k", "NoSuchKey"}, 1},
	} {
		o := newOtherStore(1)
		o.to, o.repeats, o.listless = &storeOnce{}, test.repeats, test.listless
		for i := 0; i < len(test.asks); i += 2 {
			method, path, asks := strings.Cut(test.asks[i], " ")
			if !asks {
				o.grant()
			} else if got := ask(o, method, path); !strings.Contains(got, test.asks[i+1]) {
				t.Errorf("%s: %s: %q, want %q", name, test.asks[i], got, test.asks[i+1])
			}
		}
		met, _ := o.tell()
		if len(met) != test.met || len(met) > 0 && met[len(met)-1].Key != "k" {
			t.Errorf("%s: %v", name, met)
		}
		if met, done := o.tell(); len(met)+len(done) > 0 {
			t.Errorf("%s: told twice: %v", name, met)
		}
	}
}
