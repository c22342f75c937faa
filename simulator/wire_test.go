package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/sledge-io/sledge/importer"
)

// callOf names the S3 call that a request is.
func callOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodGet && q.Has("uploads"):
		return "ListMultipartUploads"
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return "ListParts"
	case r.Method == http.MethodGet:
		return "GetObject"
	case q.Has("uploadId"):
		return "AbortMultipartUpload"
	}
	return "DeleteObject"
}

var calls = []string{"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject", "GetObject", "ListMultipartUploads", "ListParts", "AbortMultipartUpload", "DeleteObject"}

// largeLife is a sealed device with one file in two parts.
func largeLife(t *testing.T) *life {
	l := tinyLife(t, 100, func(m *model) {
		m.write("large", randomBytes(rand.New(rand.NewPCG(9, 9)), 16<<20+5000))
	})
	return l
}

// newImport makes an empty bucket and a host for a sealed life.
func (l *life) newImport() *world {
	l.bucket = &Bucket{Name: bucketName, Free: isProbe, Now: l.clock.Now}
	return &world{life: l, exclusive: true, taken: map[string]bool{}, hosts: []*host{newHost("run-1")}}
}

// TestEachFaultOfEachCall lets each fault meet each call, once, twice in a row, or
// always up to the third time. Whatever happens, the import then ends well, with
// every object right, none overwritten, and no upload left behind.
func TestEachFaultOfEachCall(t *testing.T) {
	l := largeLife(t)
	met := map[string]bool{}
	runs := 0
	for _, readBack := range []bool{false, true} {
		for _, call := range calls {
			for _, fault := range WireFaults() {
				for _, times := range []int{1, 3} {
					if !long() && (times == 3) != (len(call)%2 == 0) || (call == "GetObject") != readBack && !long() {
						continue
					}
					name := fmt.Sprintf("%s of %s, %d times, read back %v", fault, call, times, readBack)
					w := l.newImport()
					w.readBack = readBack
					wire := &Wire{Store: l.bucket, Lose: l.bucket.Lose, Choose: func(r *http.Request, n int) Fault {
						if callOf(r) == call && n <= times {
							return fault
						}
						return ""
					}}
					h := w.host()
					err := w.run(context.Background(), h, h.state, wire)
					if errors.Is(err, errTouched) {
						t.Fatalf("%s: %v", name, err)
					}
					if len(wire.Done()) > 0 {
						met[string(fault)+" of "+call] = true
					}
					runs++
					if err := w.finish(context.Background()); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		}
	}
	t.Logf("figure: %d kinds of fault of a call met in %d imports", len(met), runs)
	if len(met) < 40 {
		t.Errorf("only %d kinds of fault were met: %v", len(met), met)
	}
}

// TestCompleteError: whatever becomes of the one Complete that counts, after a probe
// that showed the store at its best, its status alone decides nothing: 200 with an
// error in its body, or 404 for an upload that is gone, is not success.
func TestCompleteError(t *testing.T) {
	l := largeLife(t)
	for _, fault := range WireFaults() {
		w := l.newImport()
		h, met := w.host(), false
		wire := &Wire{Store: l.bucket, Lose: l.bucket.Lose, Choose: func(r *http.Request, _ int) Fault {
			if callOf(r) == "CompleteMultipartUpload" && !met && !isProbe(r.URL.Path) {
				met = true
				return fault
			}
			return ""
		}}
		if err := w.run(context.Background(), h, h.state, wire); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		if wire.Done()[fault] != 1 {
			t.Errorf("%s: met %v", fault, wire.Done())
		}
		if err := w.finish(context.Background()); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		if h.result.ExitClass() != importer.ExitComplete {
			t.Errorf("%s: %v", fault, h.result.ExitClass())
		}
	}
}
