package manifest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// tessera runs Tessera's fsck on a log folder and tells whether it found it good.
// The program exits 0 on failure, so only its success line counts; one worker
// can hang, so there are eight.
func tessera(t *testing.T, dir, origin string, key ed25519.PublicKey) (bool, string) {
	t.Helper()
	name := filepath.Join(os.Getenv("SLEDGE_TOOLS"), "fsck")
	if os.Getenv("SLEDGE_TOOLS") == "" {
		t.Skip("tessera fsck: SLEDGE_TOOLS is not set")
	}
	if _, err := os.Stat(name); err != nil {
		t.Skip("tessera fsck: the command is absent from SLEDGE_TOOLS (scripts/tools.sh fsck)")
	}
	vkey, err := crypto.NoteKey(origin, key)
	must(t, err)
	keyFile := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(keyFile, []byte(vkey), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, "-N", "8", "-ui=false", "-origin", origin, "-public_key", keyFile, "-storage_url", "file://"+dir+"/").CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("fsck ran into its timeout: %v\n%s", err, out)
	}
	good := bytes.Contains(out, []byte("Successfully fsck'd log with size"))
	if good == bytes.Contains(out, []byte("fsck failed")) {
		t.Fatalf("fsck said neither yes nor no: %v\n%s", err, out)
	}
	return good, string(out)
}

// refuses flips a bit in one file and wants Tessera's fsck to see it.
func refuses(t *testing.T, dir, name, origin string, key ed25519.PublicKey) {
	t.Helper()
	full := filepath.Join(dir, name)
	b, err := os.ReadFile(full)
	must(t, err)
	b[len(b)*2/3] ^= 1
	must(t, os.WriteFile(full, b, 0o600))
	if good, out := tessera(t, dir, origin, key); good {
		t.Errorf("%s: a flipped bit was not seen:\n%s", name, out)
	}
	b[len(b)*2/3] ^= 1
	must(t, os.WriteFile(full, b, 0o600))
}

// TestTesseraFsck has a log of ours checked by others' code.
func TestTesseraFsck(t *testing.T) {
	for _, size := range []uint64{1, 255, 256, 257, 3*256 + 7} {
		dir := t.TempDir()
		files, cp, _ := writtenLog(t, size)
		for name, b := range files[0] {
			full := filepath.Join(dir, strings.TrimPrefix(name, "log/"))
			must(t, os.MkdirAll(filepath.Dir(full), 0o700))
			must(t, os.WriteFile(full, b, 0o600))
		}
		const origin = "sledge/00/11/1"
		msg, err := SignCheckpoint(origin, size, cp.Root, deviceKey)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "checkpoint"), msg, 0o600))
		if good, out := tessera(t, dir, origin, pub(deviceKey)); !good {
			t.Fatalf("%d entries:\n%s", size, out)
		}
		if size < 600 {
			continue
		}
		for _, name := range []string{"tile/0/001", "tile/0/003.p/7", "tile/1/000.p/3", "tile/entries/002", "tile/entries/003.p/7", "checkpoint"} {
			refuses(t, dir, name, origin, pub(deviceKey))
		}
		if good, _ := tessera(t, dir, origin, pub(otherKey)); good {
			t.Error("fsck takes another key's word")
		}
	}
}

// TestTesseraSample checks the log of the device that is kept in the repository.
func TestTesseraSample(t *testing.T) {
	const sample = "../appliance/testdata/v1"
	text, err := os.ReadFile(sample + "/signer.pub")
	must(t, err)
	signer, err := crypto.ParsePublicKey(text)
	must(t, err)
	raw, err := os.ReadFile(sample + "/disk0/sledge/job.dsse")
	must(t, err)
	job, err := OpenJob(raw, signer)
	must(t, err)
	dev := job.Devices[0]
	origin := Scope{Job: job.ID, Device: dev.ID, Generation: 1}.Origin()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(sample+"/disk0/sledge/log")))
	if good, out := tessera(t, dir, origin, dev.PublicKey.PublicKey); !good {
		t.Fatalf("sample device:\n%s", out)
	}
	for _, pattern := range []string{"tile/0/000.p/*", "tile/entries/000.p/*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(found) != 1 {
			t.Fatalf("%s: %d files", pattern, len(found))
		}
		name, _ := filepath.Rel(dir, found[0])
		refuses(t, dir, name, origin, dev.PublicKey.PublicKey)
	}
}

// TestStatementByOpenSSL verifies a job file as someone without sledge would:
// base64, DSSE's PAE by hand, and openssl.
func TestStatementByOpenSSL(t *testing.T) {
	name, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl: the command is absent")
	}
	var env struct {
		PayloadType string `json:"payloadType"`
		Payload     string `json:"payload"`
		Signatures  []struct {
			Sig string `json:"sig"`
		} `json:"signatures"`
	}
	must(t, json.Unmarshal(testJobFile(t), &env))
	payload, err := base64.StdEncoding.DecodeString(env.Payload)
	must(t, err)
	sig, err := base64.StdEncoding.DecodeString(env.Signatures[0].Sig)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(pub(signerKey))
	must(t, err)
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		full := filepath.Join(dir, name)
		must(t, os.WriteFile(full, b, 0o600))
		return full
	}
	key := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	sigFile := write("sig", sig)
	for flip, want := range []bool{true, false} {
		if flip == 1 {
			payload[len(payload)/2] ^= 1
		}
		pae := write("pae", append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(env.PayloadType), env.PayloadType, len(payload)), payload...))
		out, err := exec.Command(name, "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", pae, "-sigfile", sigFile).CombinedOutput()
		if got := err == nil && bytes.Contains(out, []byte("Verified Successfully")); got != want {
			t.Errorf("flipped %d: openssl says %v: %v\n%s", flip, got, err, out)
		}
	}
}
