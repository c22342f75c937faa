package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/daemon"
	"github.com/sledge-io/sledge/internal/s3test"
)

// scraped is one answer of /metrics: the types by name, the values by name and
// labels as they stand there.
type scraped struct {
	types  map[string]string
	values map[string]float64
}

var (
	metricLine  = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$`)
	metricLabel = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)`)
)

// parseMetrics reads Prometheus' text format (version 0.0.4) and refuses every line
// that is not in it, a sample without a type, and one that comes twice.
func parseMetrics(in io.Reader) (*scraped, error) {
	s := &scraped{types: map[string]string{}, values: map[string]float64{}}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if f := strings.Fields(line); len(f) == 4 && f[0] == "#" && f[1] == "TYPE" {
			s.types[f[2]] = f[3]
			continue
		} else if len(f) > 3 && f[0] == "#" && f[1] == "HELP" {
			continue
		}
		m := metricLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("no metric: %q", line)
		}
		labels, err := labelsOf(m[2])
		if err != nil {
			return nil, fmt.Errorf("%w: %q", err, line)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		name := m[1]
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if s.types[name] == "" && s.types[base] != "histogram" {
			return nil, fmt.Errorf("no type: %q", line)
		}
		key := name + labels
		if _, twice := s.values[key]; twice {
			return nil, fmt.Errorf("twice: %q", line)
		}
		s.values[key] = value
	}
	return s, lines.Err()
}

// labelsOf leaves out the labels that every line of a run has.
func labelsOf(text string) (rest string, err error) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	for text != "" {
		m := metricLabel.FindStringSubmatch(text)
		if m == nil {
			return "", fmt.Errorf("labels %q", text)
		}
		switch text = text[len(m[0]):]; m[1] {
		case "job_id", "device", "run":
			if m[2] == "" {
				return "", fmt.Errorf("label %s is empty", m[1])
			}
		default:
			rest += fmt.Sprintf(",%s=%s", m[1], m[2])
		}
	}
	return rest, nil
}

func scrape(address string) (*scraped, error) {
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		return nil, fmt.Errorf("%s, %s", resp.Status, kind)
	}
	return parseMetrics(resp.Body)
}

// TestMetrics scrapes an import whose last object is held back: what the metrics say
// by then is what its own report says at the end, but for that object, and what the
// store has met.
func TestMetrics(t *testing.T) {
	const small, busy, last = 100, 3, 5000
	src := t.TempDir()
	write := func(name string, size int) {
		if err := os.WriteFile(filepath.Join(src, name), bytes.Repeat([]byte{7}, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range small {
		write(fmt.Sprintf("file-%03d", i), i)
	}
	write("refused", 10)
	write("zz-last", last)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}})
	w.sealed(src)

	named := func(r *http.Request, name string) bool {
		return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, w.prefix+name)
	}
	store := startHolding(t, server.Endpoint, func(r *http.Request) bool { return named(r, "zz-last") })
	var slow, puts, heads atomic.Int64
	store.front = func(rw http.ResponseWriter, r *http.Request) bool {
		switch name := r.URL.Query().Get("x-id"); {
		case r.Method == http.MethodHead:
			heads.Add(1)
		case name == "PutObject" && !named(r, "zz-last"):
			puts.Add(1)
		}
		refuse := func(status int, code string) bool {
			io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/xml")
			rw.WriteHeader(status)
			fmt.Fprintf(rw, "<Error><Code>%s</Code><Message>test</Message></Error>", code)
			return true
		}
		switch {
		case named(r, "refused"):
			return refuse(http.StatusBadRequest, "InvalidArgument")
		case named(r, "file-050") && slow.Add(1) <= busy:
			return refuse(http.StatusServiceUnavailable, "SlowDown")
		}
		return false
	}
	address, err := daemon.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}

	var seen *scraped
	cmd := w.command(w.takeArgs(store.URL, "--metrics", address, "--json")...)
	r := w.finish(cmd, func() {
		defer close(store.let)
		seen = awaitEntries(t, address, small+1)
	})
	if t.Failed() {
		t.Fatal(r)
	}
	if r.code != exitObjects {
		t.Fatal(r)
	}
	var result struct {
		Entries  uint64
		Bytes    int64
		Retries  int64
		Outcomes map[string]uint64
	}
	r.result(t, &result)
	if result.Outcomes["failed"] != 1 || result.Outcomes["stored"] != small+1 || result.Retries != busy {
		t.Fatalf("%+v", result)
	}
	total := float64(result.Bytes + 10) // what failed is in the manifest, too
	for name, want := range map[string]float64{
		"sledge_import_entries":                                           float64(result.Entries - 1),
		"sledge_import_entries_total":                                     float64(result.Entries),
		"sledge_import_objects":                                           float64(result.Outcomes["stored"] - 1),
		"sledge_import_bytes":                                             float64(result.Bytes - last),
		"sledge_import_bytes_total":                                       total,
		"sledge_import_failed":                                            float64(result.Outcomes["failed"]),
		"sledge_import_retries":                                           float64(result.Retries),
		"sledge_import_throttled":                                         busy,
		"sledge_import_state,state=in progress":                           1,
		"sledge_import_state,state=completed":                             0,
		"sledge_import_state,state=halted: fix needed":                    0,
		"sledge_import_call_failures_total,call=PutObject,code=throttled": busy,
		"sledge_import_call_failures_total,call=PutObject,code=refused":   1,
		"sledge_import_call_seconds_bucket,call=PutObject,le=+Inf":        seen.values["sledge_import_call_seconds_count,call=PutObject"],
		"sledge_import_call_seconds_count,call=PutObject":                 float64(puts.Load()),
		"sledge_import_call_seconds_count,call=HeadObject":                float64(heads.Load()),
	} {
		if got, ok := seen.values[name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	for name, kind := range map[string]string{"sledge_import_call_seconds": "histogram", "sledge_import_call_failures_total": "counter", "sledge_import_bytes": "gauge"} {
		if seen.types[name] != kind {
			t.Errorf("%s is a %q, not a %s", name, seen.types[name], kind)
		}
	}
	for name := range seen.values {
		if strings.Contains(name, "file-") || strings.Contains(name, "refused,") || strings.Contains(name, "zz-last") {
			t.Errorf("a metric names a file: %s", name)
		}
	}
}

// awaitEntries scrapes until so many entries have an outcome.
func awaitEntries(t *testing.T, address string, entries float64) (s *scraped) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		var err error
		if s, err = scrape(address); err == nil && s.values["sledge_import_entries"] >= entries {
			return s
		} else if s == nil && err != nil && !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
			return &scraped{}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the metrics never tell %v entries: %+v", entries, s)
	return &scraped{}
}
