package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/custodytest"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/daemon"
	"github.com/sledge-io/sledge/manifest"
)

// TestOutsideWitness: a witness that somebody else has written cosigns what a hand-over asks,
// over loopback, and we take its line; our fork it refuses, and so it does an old size.
func TestOutsideWitness(t *testing.T) {
	dir := guest(t, "witness")
	r := custodytest.New(t)
	r.Load()
	ask, cosigner := startWitness(t, filepath.Join(dir, "omniwitness"), r.Log.Origin, r.Device.Public().(ed25519.PublicKey))
	first := witness.Body{Checkpoint: r.Log.Checkpoint()}
	code, answer := ask(first)
	if code != http.StatusOK {
		t.Fatalf("the first hand-over: %d %s", code, answer)
	}
	if _, at, err := witness.OpenCosignature(first.Checkpoint, answer, cosigner); err != nil || time.Since(at) > time.Hour {
		t.Errorf("its line: %v, %s: %q", err, at, answer)
	}
	r.Add(event.Checked, "device", r.Device, r.Device, nil)
	proof, err := r.Log.Prove(3)
	r.Must(err)
	second := witness.Body{Old: 3, Proof: proof, Checkpoint: r.Log.Checkpoint()}
	if code, answer = ask(second); code != http.StatusOK {
		t.Errorf("the next one: %d %s", code, answer)
	}
	fork, err := manifest.SignCheckpoint(r.Log.Origin, 4, [32]byte{1}, r.Device)
	r.Must(err)
	if code, answer = ask(witness.Body{Old: 4, Checkpoint: fork}); code != http.StatusConflict && code != http.StatusUnprocessableEntity {
		t.Errorf("a fork: %d %s", code, answer)
	}
	longer, err := manifest.SignCheckpoint(r.Log.Origin, 5, [32]byte{1}, r.Device)
	r.Must(err)
	if code, answer = ask(witness.Body{Old: 4, Proof: proof, Checkpoint: longer}); code != http.StatusUnprocessableEntity {
		t.Errorf("a proof that does not hold: %d %s", code, answer)
	}
	if code, answer = ask(first); code != http.StatusConflict || strings.TrimSpace(string(answer)) != "4" {
		t.Errorf("an old size: %d %s", code, answer)
	}
	other, err := manifest.SignCheckpoint(r.Log.Origin, 5, [32]byte{1}, r.Desk.Key)
	r.Must(err)
	if code, answer = ask(witness.Body{Old: 4, Proof: proof, Checkpoint: other}); code == http.StatusOK { // 403 by the book; this version says 500
		t.Errorf("by a key that it does not know: %d %s", code, answer)
	}
}

// startWitness starts the guest for one log. It tells how to ask it, and its verifier key.
func startWitness(t *testing.T, program, origin string, key ed25519.PublicKey) (ask func(witness.Body) (int, []byte), k manifest.CosignerKey) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	secret, public, err := note.GenerateKey(nil, "witness.example/outside")
	must(err)
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(public, "+", 3)[2])
	must(err)
	k, err = manifest.NewCosignerKey("witness.example/outside", raw[1:])
	must(err)
	vkey, err := crypto.NoteKey(origin, key)
	must(err)
	must(os.WriteFile(filepath.Join(dir, "key"), []byte(secret), 0o600))
	must(os.WriteFile(filepath.Join(dir, "logs.yaml"), fmt.Appendf(nil, "Logs:\n  - Origin: %s\n    URL: http://127.0.0.1:1/\n    PublicKey: %s\n    Feeder: none\n", origin, vkey), 0o600))
	address, err := daemon.FreeAddress()
	must(err)
	metrics, err := daemon.FreeAddress()
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-listen", address, "-metrics_listen", metrics, "-db_file", filepath.Join(dir, "db"), "-private_key_path", filepath.Join(dir, "key"),
		"-additional_logs", filepath.Join(dir, "logs.yaml"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(cmd.Start())
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the witness said:\n%s", out.String())
		}
	})
	ask = func(b witness.Body) (int, []byte) {
		t.Helper()
		answer, err := http.Post("http://"+address+"/add-checkpoint", "text/plain", bytes.NewReader(b.Encode()))
		must(err)
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		must(err)
		return answer.StatusCode, text
	}
	for range 200 {
		answer, err := http.Get("http://" + address + "/")
		if err == nil {
			answer.Body.Close()
			return ask, k
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the witness does not listen")
	return nil, k
}
