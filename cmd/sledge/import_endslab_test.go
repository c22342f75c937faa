package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/manifest"
	"github.com/sledge-io/sledge/simulator"
)

// endsLab is a state folder, a store, and a run between them.
type endsLab struct {
	t      *testing.T
	state  string
	store  *simulator.Bucket
	source *smallFiles
	o      importer.Options
	writes atomic.Pointer[http.HandlerFunc] // answers writes of objects; nil: the store does
	gone   atomic.Bool                      // no object is shown

	folder *importer.Folder // of the start that is under way
	result *importer.Result
	answer func()             // ends the store's silence
	exit   int                // of the run whose end is looked at
	end    context.CancelFunc // Ctrl-C
	ended  chan int           // has the exit code, once
}

func newEndsLab(t *testing.T) *endsLab {
	l := &endsLab{t: t, state: t.TempDir(), source: newSmallFiles("f0", "f1", "f2"), ended: make(chan int, 1), answer: func() {},
		store: &simulator.Bucket{Name: "bkt", Free: func(key string) bool { return strings.Contains(key, ".sledge-") }}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own := l.writes.Load(); own != nil && r.Method == http.MethodPut && !strings.Contains(r.URL.Path, ".sledge-") {
			io.Copy(io.Discard, r.Body)
			(*own)(w, r)
			return
		}
		if l.gone.Load() && strings.HasPrefix(r.URL.Path, "/bkt/in/f") {
			failing(http.StatusNotFound, noSuchKey)(w, r)
			return
		}
		l.store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	l.o = importer.Options{Config: s3.Config{Bucket: "bkt", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "b"}, Log: slog.New(slog.DiscardHandler)},
		Prefix: "in/", RunID: "run-1", StatusEvery: 2 * time.Millisecond, ImporterKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		Retries: importer.None, Backoff: 5 * time.Millisecond, MinProof: entry.ProofCRC, Now: time.Now}
	return l
}

// refuse has the store answer writes of objects so.
func (l *endsLab) refuse(status int, code string) {
	own := failing(status, "<Error><Code>"+code+"</Code></Error>")
	l.writes.Store(&own)
}

// run is a whole start, in the foreground.
func (l *endsLab) run(ctx context.Context) {
	l.exit = l.start(ctx, func() {})
	l.close()
}

// start is a start whose state folder stays held. then follows its end, with the folder.
func (l *endsLab) start(ctx context.Context, then func()) (exit int) {
	var err error
	if l.folder == nil {
		if l.folder, err = importer.OpenState(l.state); err != nil {
			l.t.Error(err)
			return exitUnexpected
		}
	}
	l.o.StateDir = l.folder
	to, err := importer.NewS3(ctx, l.o)
	if err != nil {
		l.t.Error(err)
		return exitUnexpected
	}
	result, err := importer.Run(ctx, l.source, to, l.o)
	if l.result = result; result == nil {
		exit, _ = diagnose(asTargetError(err))
		return exit
	}
	exit, _ = diagnose(importEnd(result, err))
	then()
	return exit
}

func (l *endsLab) close() {
	if l.folder != nil {
		l.folder.Close()
		l.folder = nil
	}
}

// atWork begins a start and waits until its status says so. then follows the end of its run, with
// the folder held. The lab ends it.
func (l *endsLab) atWork(says func(*statefolder.Status) bool, then func(context.Context) error) {
	ctx, stop := context.WithCancel(l.t.Context())
	l.end, l.exit = stop, stillAtWork
	go func() {
		var err error
		exit := l.start(ctx, func() { err = then(ctx) })
		if err != nil {
			exit, _ = diagnose(err)
		}
		l.close()
		l.ended <- exit
		close(l.ended)
	}()
	l.t.Cleanup(func() { stop(); l.answer(); <-l.ended })
	l.until(says)
}

func (l *endsLab) until(is func(*statefolder.Status) bool) {
	l.t.Helper()
	for range 5000 {
		if s, err := (&statefolder.Query{}).Status(l.state, time.Now()); err == nil && is(s) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	l.t.Fatal("the status does not say it in five seconds")
}

func inState(state request.State) func(*statefolder.Status) bool {
	return func(s *statefolder.Status) bool { return s.State == state }
}

func nothing(context.Context) error { return nil }

// over waits for the end of what is at work, which is looked at then.
func (l *endsLab) over() {
	l.answer()
	l.exit = <-l.ended
}

// stop is Ctrl-C.
func (l *endsLab) stop() {
	l.end()
	l.over()
}

// kill leaves what a process has left that was killed now, a moment ago.
func (l *endsLab) kill() {
	at := l.t.TempDir()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		l.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(l.state, status.Name))
	var s status.Status
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if s.PID, s.Updated = gone.Process.Pid, s.Updated.Add(-5*time.Second); err == nil {
		text, err = json.Marshal(s)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(at, status.Name), text, 0o600)
	}
	if l.state = at; err != nil {
		l.t.Fatal(err)
	}
}

func (l *endsLab) ask(want status.Want) {
	if err := statefolder.Ask(l.state, "", want, time.Now()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *endsLab) halts() {
	l.refuse(http.StatusForbidden, "AccessDenied")
	l.run(l.t.Context())
}

func (l *endsLab) waits() {
	l.o.HaltWait = time.Hour
	l.refuse(http.StatusServiceUnavailable, "ServiceUnavailable")
	l.atWork(inState(request.StateHalted), nothing)
}

func (l *endsLab) pauses() {
	if err := os.MkdirAll(l.state, 0o700); err != nil {
		l.t.Fatal(err)
	}
	l.ask(status.WantPause)
	l.atWork(inState(request.StatePaused), nothing)
}

func (l *endsLab) sleeps() {
	from := time.Now().Add(2 * time.Hour)
	l.o.Hours = request.Hours{{From: (from.Hour() * 60) % 1440, To: (from.Hour()*60 + 1) % 1440}}
	l.atWork(inState(request.StateAsleep), nothing)
}

// hangs is a run in progress: the store answers no write.
func (l *endsLab) hangs() {
	var asked atomic.Bool
	answers := make(chan struct{})
	l.answer = sync.OnceFunc(func() { close(answers) })
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		<-answers
		failing(http.StatusInternalServerError, "")(w, r)
	})
	l.writes.Store(&own)
	l.atWork(func(*statefolder.Status) bool { return asked.Load() }, nothing)
}

// listening is one of several devices, after its end, while others are at work.
func (l *endsLab) listening() {
	l.atWork(func(s *statefolder.Status) bool { return s.Listens }, func(ctx context.Context) error {
		l.result.AwaitStop(ctx)
		return nil
	})
}

func (l *endsLab) haltsListening() {
	l.refuse(http.StatusForbidden, "AccessDenied")
	l.listening()
}

func (l *endsLab) cancel() {
	l.folder = nil
	folder, err := importer.OpenState(l.state)
	if err != nil {
		l.t.Fatal(err)
	}
	defer folder.Close()
	l.o.StateDir = folder
	l.writes.Store(nil)
	to, err := importer.NewS3(l.t.Context(), l.o)
	if err == nil {
		_, err = importer.Cancel(l.t.Context(), l.source, to, l.o, false)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// takenOver is a run whose first process hangs while a second one takes it over.
func (l *endsLab) takenOver() {
	l.hangs()
	second := &endsLab{t: l.t, state: l.state, source: l.source, o: l.o}
	var err error
	if second.folder, err = importer.TakeOver(l.t.Context(), l.state, 10*time.Millisecond); err != nil {
		l.t.Fatal(err)
	}
	l.writes.Store(nil)
	second.run(l.t.Context())
	l.over()
}

// leftBehind is such a run as the folder tells it that its first process has left: with a journal
// in the target it is another host's, and no other folder is near.
func (l *endsLab) leftBehind() {
	l.takenOver()
	at := l.t.TempDir()
	text, err := os.ReadFile(filepath.Join(l.state, status.Name))
	if err == nil {
		err = os.WriteFile(filepath.Join(at, status.Name), text, 0o600)
	}
	if l.state = at; err != nil {
		l.t.Fatal(err)
	}
}

func (l *endsLab) markerWaits() {
	l.o.Marker = "READY"
	l.atWork(func(s *statefolder.Status) bool { return s.Waits != "" && s.State == request.StatePaused }, func(ctx context.Context) error {
		l.ask(status.WantPause)
		_, err := l.result.Commit(ctx, []byte("{}"), target.Attributes{})
		return err
	})
}

func (l *endsLab) markerRefused() {
	l.o.Marker = "READY"
	l.start(l.t.Context(), func() {
		l.refuse(http.StatusForbidden, "AccessDenied")
		_, err := l.result.Commit(l.t.Context(), []byte("{}"), target.Attributes{})
		l.exit, _ = diagnose(asTargetError(err))
	})
	l.close()
}

// loses is a completed run whose target is emptied before its next start.
func (l *endsLab) loses() {
	l.run(l.t.Context())
	l.gone.Store(true)
	l.run(l.t.Context())
}

// tells is what a verb tells another terminal, as text and as the result in JSON.
func (l *endsLab) tells(verb string) (text string, result json.RawMessage) {
	l.t.Helper()
	var answer struct {
		Exit   int             `json:"exit"`
		Result json.RawMessage `json:"result"`
	}
	for _, form := range [][]string{nil, {"--json"}} {
		var out bytes.Buffer
		a := &app{out: &out, err: io.Discard, now: time.Now, ctx: l.t.Context()}
		root := a.root()
		root.SetArgs(append([]string{"import", verb, l.state}, form...))
		if _, err := root.ExecuteContextC(l.t.Context()); err != nil || a.code != exitDone {
			l.t.Errorf("%s: exit code %d, %v", verb, a.code, err)
		}
		if form == nil {
			text = out.String()
		} else if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			l.t.Fatalf("%v: %s", err, &out)
		}
	}
	return text, answer.Result
}

// accepts is what accept says before it looks at receipts.
func (l *endsLab) accepts() (code int, says string) {
	quiet := func(string, ...any) {}
	receipts, err := statefolder.ReceiptsOf(l.state, statefolder.Tell{Note: quiet, Warn: quiet})
	if err == nil {
		err = refuseCanceled(receipts)
	}
	code, _ = diagnose(err)
	return code, fmt.Sprint(err)
}

// smallFiles are of a manifest of one page.
type smallFiles struct {
	commitSource
	entries []entry.Entry
	totals  manifest.Totals
}

func newSmallFiles(names ...string) *smallFiles {
	s := &smallFiles{}
	for i, name := range names {
		sum := sha256.Sum256([]byte(name))
		r := &manifest.Record{Kind: manifest.KindFile, Path: name, Size: int64(len(name)), Mode: 0o644, Mtime: time.Unix(1, 0), SHA256: sum[:], Extents: []manifest.Extent{{Length: int64(len(name))}}}
		raw, err := r.Encode()
		if err != nil {
			panic(err)
		}
		s.entries = append(s.entries, entry.Entry{Record: r, Raw: []entry.RawRecord{{Index: i, Bytes: raw[0], Salt: sha256.Sum256(raw[0])}}})
		s.totals.Count(r, 1)
		s.totals.ScanEntries++
	}
	return s
}

func (s *smallFiles) Totals() (manifest.Totals, error) { return s.totals, nil }

func (s *smallFiles) Entries(_ context.Context, _ uint64, f func(entry.Entry) error) error {
	for _, e := range s.entries {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *smallFiles) Open(_ context.Context, r *manifest.Record) (entry.Content, error) {
	return struct {
		io.ReaderAt
		io.Closer
	}{strings.NewReader(r.Path), io.NopCloser(nil)}, nil
}
