package metrics

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/manifest"
)

// Server serves what runs do to Prometheus, under /metrics.
type Server struct {
	http     *http.Server
	registry *prometheus.Registry
}

// Run are the metrics of one run.
type Run struct {
	calls  *prometheus.HistogramVec
	failed *prometheus.CounterVec

	mu   sync.Mutex
	last status.Progress
}

// states are all states, so that each has a line that is 0 or 1.
var states = []request.State{request.StateRunning, request.StatePaused, request.StateAsleep, request.StateHalted, request.StateStopped, request.StateDone, request.StateErrors,
	request.StateCanceled, request.StateTaken}

// Serve listens before it returns: an address that is taken is an error.
func Serve(ctx context.Context, address string) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, advice.Usagef("--metrics %s: %w", address, err)
	}
	s := &Server{registry: prometheus.NewRegistry()}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go s.http.Serve(listener) // until close
	return s, nil
}

// Close ends the service. Runs may go on telling.
func (s *Server) Close() { s.http.Close() }

// Add serves a run, too; its lines have its labels.
func (s *Server) Add(scope manifest.Scope, run string) *Run {
	labels := prometheus.Labels{"job_id": scope.Job.String(), "device": scope.Device.String(), "run": run}
	m := &Run{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sledge_import_call_seconds", Help: "Attempts of S3 calls, by call.",
			ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(0.001, 2, 18)}, []string{"call"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sledge_import_call_failures_total", Help: "Attempts of S3 calls that failed, by call and code.",
			ConstLabels: labels}, []string{"call", "code"}),
	}
	gauge := func(name, help string, value func(status.Progress) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sledge_import_" + name, Help: help, ConstLabels: labels}, func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return value(m.last)
		})
	}
	s.registry.MustRegister(m.calls, m.failed,
		gauge("entries", "Entries with an outcome, of earlier starts, too.", func(p status.Progress) float64 { return float64(p.Entries) }),
		gauge("entries_total", "Entries of the manifest.", func(p status.Progress) float64 { return float64(p.TotalEntries) }),
		gauge("objects", "Objects stored or found, of earlier starts, too.", func(p status.Progress) float64 { return float64(p.Objects) }),
		gauge("bytes", "Bytes in the target, of earlier starts, too.", func(p status.Progress) float64 { return float64(p.Bytes) }),
		gauge("bytes_total", "Bytes of the manifest.", func(p status.Progress) float64 { return float64(p.TotalBytes) }),
		gauge("failed", "Entries that failed.", func(p status.Progress) float64 { return float64(p.Failed) }),
		gauge("retries", "Attempts beyond the first.", func(p status.Progress) float64 { return float64(p.Retries) }),
		gauge("throttled", "Answers that asked to slow down.", func(p status.Progress) float64 { return float64(p.Throttled) }),
		gauge("requests", "Requests that the target bears at once, as far as is known.", func(p status.Progress) float64 { return float64(p.Requests) }))
	for _, state := range states {
		s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sledge_import_state", Help: "1 for the state that the run is in.",
			ConstLabels: with(labels, "state", string(state))}, func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.last.State == state {
				return 1
			}
			return 0
		}))
	}
	return m
}

func with(labels prometheus.Labels, name, value string) prometheus.Labels {
	out := prometheus.Labels{name: value}
	maps.Copy(out, labels)
	return out
}

// Tell takes how far the run is.
func (m *Run) Tell(p status.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = p
}

// Called counts one attempt of a call.
func (m *Run) Called(c request.Attempt) {
	m.calls.WithLabelValues(c.Name).Observe(c.Took.Seconds())
	if c.Err == nil {
		return
	}
	code := "other"
	if e := (*target.Error)(nil); errors.As(c.Err, &e) {
		code = string(e.Code)
	}
	m.failed.WithLabelValues(c.Name, code).Inc()
}
