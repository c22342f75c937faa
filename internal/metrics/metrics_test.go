package metrics

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/manifest"
)

// TestStates: each state of a run has its line among the metrics, and in the table
// of docs/import.md.
func TestStates(t *testing.T) {
	source, err := os.ReadFile("../../importer/request/state.go")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`State\w+ +State = "([^"]+)"`).FindAllStringSubmatch(strings.ReplaceAll(string(source), "\t", " "), -1)
	if len(found) < 9 {
		t.Fatalf("only %d states were read from the source", len(found))
	}
	for _, f := range found {
		if !slices.Contains(states, request.State(f[1])) {
			t.Errorf("no metric for %q", f[1])
		}
		if !regexp.MustCompile(`(?m)^\| ([a-z ,]*, )?` + regexp.QuoteMeta(f[1]) + `(,[a-z ,]*)? \|`).Match(docs) {
			t.Errorf("docs/import.md does not have the state %q", f[1])
		}
	}
}

// TestServed: each run has lines of its own labels, and exactly one state; a call that failed is
// counted by its code.
func TestServed(t *testing.T) {
	s, err := Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one, two := s.Add(manifest.Scope{Device: manifest.ID{1}}, "run-1"), s.Add(manifest.Scope{Device: manifest.ID{2}}, "run-1")
	one.Tell(status.Progress{Entries: 7, State: request.StateRunning})
	two.Tell(status.Progress{Entries: 9, State: request.StateHalted})
	one.Called(request.Attempt{Name: "PutObject", Took: time.Second})
	one.Called(request.Attempt{Name: "PutObject", Err: target.NewError(target.CodeThrottled, "k", "slow down", nil)})
	one.Called(request.Attempt{Name: "PutObject", Err: errors.New("odd")})
	answer := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(answer.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sledge_import_entries{device="01000000000000000000000000000000",job_id="00000000000000000000000000000000",run="run-1"} 7`,
		`sledge_import_entries{device="02000000000000000000000000000000",job_id="00000000000000000000000000000000",run="run-1"} 9`,
		`code="` + string(target.CodeThrottled) + `"`, `code="other"`, `sledge_import_call_seconds_count`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^sledge_import_state\{.*\} 1$`).FindAll(text, -1)); n != 2 {
		t.Errorf("%d states of two runs", n)
	}
}

// TestAddressTaken: an address that is taken is the operator's to change.
func TestAddressTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var usage *advice.UsageError
	if _, err := Serve(t.Context(), taken.Addr().String()); !errors.As(err, &usage) {
		t.Error(err)
	}
}
