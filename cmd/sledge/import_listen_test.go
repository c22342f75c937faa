package main

import (
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/manifest"
	"github.com/sledge-io/sledge/simulator"
)

// endedDevice is one of several whose import has ended, while the command goes on.
func endedDevice(t *testing.T, id byte, state string) *importDevice {
	t.Helper()
	return committingDevice(t, id, state, func() {})
}

// committingDevice is one that calls back before its commit marker is stored.
func committingDevice(t *testing.T, id byte, state string, before func()) *importDevice {
	t.Helper()
	store := &simulator.Bucket{Name: "bkt", Free: func(key string) bool { return strings.Contains(key, ".sledge-") }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/READY") {
			before()
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	folder, err := importer.OpenState(state)
	if err != nil {
		t.Fatal(err)
	}
	o := importer.Options{Config: s3.Config{Bucket: "bkt", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "b"}, Log: slog.New(slog.DiscardHandler)},
		Prefix: "in/", Marker: "READY", RunID: "run-1", StateDir: folder, StatusEvery: time.Millisecond, ImporterKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		AllowUnconditional: true, MinProof: entry.ProofCRC, Now: time.Now}
	to, err := importer.NewS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	result, err := importer.Run(t.Context(), &commitSource{}, to, o)
	if err != nil {
		t.Fatal(err)
	}
	return &importDevice{Device: &delivery.Device{ID: manifest.ID{id}}, totals: &manifest.Totals{},
		ended: &endedImport{o: o, target: to, result: result, rep: &importReport{Ended: result.State(nil)}, close: func() { folder.Close() }}}
}

// TestCancelOfEndedDevice: while a command is at work on other devices, another terminal gets the
// state folder of one whose import has ended, and that one is not whole any more, whatever its
// import had come to. Nobody gets it who has not asked.
func TestCancelOfEndedDevice(t *testing.T) {
	states := []string{t.TempDir(), t.TempDir()}
	devices := []*importDevice{endedDevice(t, 1, states[0]), endedDevice(t, 2, states[1])}
	for _, d := range devices {
		if !d.ended.whole() {
			t.Fatalf("%+v", d.ended.result)
		}
		d.listen(t.Context())
		defer d.close()
	}
	terminal := &app{out: io.Discard, err: io.Discard, now: time.Now}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	folder, err := terminal.stopped(ctx, &importFlags{runID: "run-1"}, states[0])
	if err != nil {
		t.Fatal(err)
	}
	folder.Close()
	if other, err := importer.OpenState(states[1]); !target.HasCode(err, target.CodeStateLocked) {
		t.Errorf("nobody has asked for the other: %v, %v", other, err)
	}
	rep := &importAllReport{Union: importUnion{Complete: true}}
	rep.commit(t.Context(), devices)
	rep.hush(devices)
	_, err = rep.end(devices, nil)
	if code, _ := diagnose(err); code != exitInterrupted || rep.Union.Complete {
		t.Errorf("exit code %d, complete %v: %v", code, rep.Union.Complete, err)
	}
	for i, want := range []request.State{request.StateStopped, request.StateDone} {
		if one := rep.Devices[i]; one.Import.Ended != want || one.Whole != (want == request.StateDone) || one.OK != one.Whole {
			t.Errorf("device %d: %+v, %s", i, one, one.Import.Ended)
		}
	}
	if !strings.Contains(inWords(err), "its import had ended") || strings.Contains(inWords(err), "context") {
		t.Errorf("%v", inWords(err))
	}
}

// TestNoMarkerAfterLetGo: once a device was let go, no further marker is written, not even of
// another device: readers wait for all of them.
func TestNoMarkerAfterLetGo(t *testing.T) {
	states := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	terminal := &app{out: io.Discard, err: io.Discard, now: time.Now}
	devices := []*importDevice{
		committingDevice(t, 1, states[0], func() {
			folder, err := terminal.stopped(t.Context(), &importFlags{runID: "run-1"}, states[1])
			if err != nil {
				t.Error(err)
				return
			}
			folder.Close()
		}),
		endedDevice(t, 2, states[1]), endedDevice(t, 3, states[2]),
	}
	for _, d := range devices {
		d.listen(t.Context())
		defer d.close()
	}
	rep := &importAllReport{Union: importUnion{Complete: true}}
	rep.commit(t.Context(), devices)
	if rep.Union.Complete {
		t.Error("the union is complete")
	}
	rep.hush(devices)
	for i, want := range []string{"in/READY", "", ""} {
		if key := devices[i].ended.rep.Marker; key != want {
			t.Errorf("device %d: marker %q, error %v", i, key, devices[i].err)
		}
	}
	_, err := rep.end(devices, nil)
	if code, _ := diagnose(err); code != exitInterrupted {
		t.Errorf("exit code %d: %v", code, err)
	}
}
