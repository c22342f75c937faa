package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/metrics"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/manifest"
)

// importWatch is how an import is watched: its meter, its metrics, its log.
type importWatch struct {
	meter   teller
	metrics *metrics.Run
	server  *metrics.Server // of this import alone
	log     *os.File
}

// teller is told how far a verb is.
type teller interface {
	Tell(progress.Sample)
	End()
}

// end ends what shows how far the import is. Its log goes on: a marker and a late clean-up follow.
func (w *importWatch) end() {
	w.meter.End()
	if w.server != nil {
		w.server.Close()
	}
}

func (w *importWatch) endLog() {
	if w.log != nil {
		w.log.Close() // each line was written whole
	}
}

// watch watches an import to its end, and keeps its log until it is closed.
func (a *app) watch(ctx context.Context, f *importFlags, d *endedImport) (*importWatch, error) {
	w, err := a.watchImport(ctx, f, &d.o, d.scope)
	if err != nil {
		return nil, err
	}
	closeFolder := d.close
	d.close = sync.OnceFunc(func() {
		closeFolder()
		w.endLog()
	})
	return w, nil
}

// watchImport lets the options tell all that is to be told.
func (a *app) watchImport(ctx context.Context, f *importFlags, o *importer.Options, scope manifest.Scope) (w *importWatch, err error) {
	w = &importWatch{meter: a.meter("import")}
	if f.crowd != nil {
		w.meter = f.crowd.sum.Member()
	}
	defer func() {
		if err != nil {
			w.end()
			w.endLog()
		}
	}()
	if f.log != "" {
		if w.log, err = os.OpenFile(f.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return nil, err
		}
		lines := slog.NewJSONHandler(w.log, nil).WithAttrs([]slog.Attr{slog.String("job", scope.Job.String()),
			slog.String("device", scope.Device.String()), slog.Uint64("generation", uint64(scope.Generation)), slog.String("run", o.RunID)})
		o.Log = slog.New(slog.NewMultiHandler(o.Log.Handler(), lines))
	}
	if f.metrics != "" {
		server := f.crowd.server()
		if server == nil {
			if server, err = metrics.Serve(ctx, f.metrics); err != nil {
				return nil, err
			}
			w.server = server
		}
		w.metrics = server.Add(scope, o.RunID)
		o.Called = w.metrics.Called
	}
	o.Progress = func(p status.Progress) {
		w.meter.Tell(importSample(p))
		if w.metrics != nil {
			w.metrics.Tell(p)
		}
	}
	return w, nil
}

// estimate is how long an import would take by what was measured.
type estimate struct {
	Duration      time.Duration `json:"duration_ns"`
	UpBytes       float64       `json:"up_bytes_per_second"`
	LatencyMillis float64       `json:"latency_ms"`
	AtOnce        int           `json:"requests_at_once"`
}

func (e *estimate) Print(w io.Writer) {
	fmt.Fprintf(w, "estimate    about %s, by %s/s up and %.1f ms a request, with %d requests at once\n", max(time.Second, e.Duration.Round(time.Second)), size(int64(e.UpBytes)), e.LatencyMillis, e.AtOnce)
}

// estimate measures the way to the target. Payload and latency overlap, so the
// longer of the two counts. Without a plan, which a target may have halted, there is
// nothing to estimate.
func (a *app) estimate(ctx context.Context, target *s3.Bucket, o importer.Options, plan *importer.Planned) (*estimate, error) {
	if plan == nil {
		return nil, nil
	}
	o.DryRun, o.StateDir = false, nil
	a.watchProbe(&o)
	found, err := importer.ProbeTarget(ctx, target, o, strings.ToLower(rand.Text()), []string{})
	if err != nil {
		return nil, asTargetError(err)
	}
	e := &estimate{UpBytes: found.UpBytes, LatencyMillis: found.LatencyMillis, AtOnce: min(o.Concurrency, request.FirstAtOnce)} // a run may come to more
	if e.UpBytes <= 0 {
		return nil, fmt.Errorf("%w: its throughput could not be measured: see sledge target probe", errTarget)
	}
	sending := time.Duration(float64(plan.Bytes) / e.UpBytes * float64(time.Second))
	asking := time.Duration(float64(plan.Requests) * e.LatencyMillis / float64(e.AtOnce) * float64(time.Millisecond))
	e.Duration = max(sending, asking)
	return e, nil
}
