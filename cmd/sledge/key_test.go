package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// shown runs key show and gives its keys by role.
func (f *field) shown(args ...string) (keys map[string]shownKey, log string) {
	f.t.Helper()
	var answer struct{ Result keysReport }
	says := f.sledge(0, append([]string{"key", "show", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(says), &answer); err != nil {
		f.t.Fatalf("%v: %s", err, says)
	}
	keys = map[string]shownKey{}
	for _, k := range answer.Result.Keys {
		keys[k.Role] = *k
	}
	return keys, answer.Result.Log
}

// TestKeyShow: a public key's fingerprint is what init and --trust have, its verifier key
// opens the log's checkpoint in others' code, and Tessera's fsck takes it.
func TestKeyShow(t *testing.T) {
	f, _, _ := sealedField(t)
	checkpoint := []byte(f.read("bay0/sledge/log/checkpoint"))
	origin, _, _ := strings.Cut(string(checkpoint), "\n")
	var vkey string
	for _, place := range []string{"d.label", "bay0", "bay0/sledge/log/checkpoint", "bay0/sledge"} {
		for _, args := range [][]string{{"dev/device.pub"}, {"site/signer.pub", "dev/device.pub"}, {"job.dsse", "--trust", "site/signer.pub"}} {
			keys, log := f.shown(append(args, "--log", place)...)
			k, ok := keys["device"]
			if !ok {
				k = keys[""]
			}
			if vkey = k.VerifierKey; log != origin || keys["signer"].VerifierKey != "" {
				t.Fatalf("%q of %s: log %q, %+v", args, place, log, keys)
			}
			v, err := note.NewVerifier(vkey)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := note.Open(checkpoint, note.VerifierList(v)); err != nil || len(n.Sigs) != 1 {
				t.Errorf("%q of %s: %v", args, place, err)
			}
		}
	}
	tesseraFsck(t, "bay0/sledge/log", origin, vkey)

	keys, _ := f.shown("job.dsse", "--trust", "site/signer.pub")
	f.says(f.sledge(0, "device", "show"), keys["device"].Fingerprint, keys["device"].DeviceID)
	for _, role := range []string{"signer", "importer", "acceptor"} {
		own, _ := f.shown("site/" + role + ".pub")
		if own[""].Fingerprint != keys[role].Fingerprint || own[""].PublicKey != f.read("site/"+role+".pub") {
			t.Errorf("%s: %+v, in the job %+v", role, own, keys[role])
		}
	}
	f.sledge(0, "verify", "manifest", "--label", "d.label", "--trust", keys["signer"].Fingerprint)
	f.says(f.sledge(0, "key", "show", "site/importer.pub", "--name", "example.org/log"), "verifier  example.org/log+")

	f.says(f.sledge(exitRefused, "key", "show", "site/signer.pub", "--log", "d.label"), "none of these keys has signed it", "hint: a device's log is signed by its device.pub")
	f.says(f.sledge(exitUsage, "key", "show", "dev/device.key"), "holds a private key, not a public key")
	f.says(f.sledge(exitUnproven, "key", "show", "job.dsse"), "--trust signer.pub")
	f.says(f.sledge(exitJob, "key", "show", "job.dsse", "--trust", keys["importer"].Fingerprint), "signed by")
	f.says(f.sledge(exitNotFound, "key", "show", "dev/device.pub", "--log", "src"), "src: no log")
	f.sledge(exitUsage, "key", "show", "dev/device.pub", "--name", "two words")
}

// tesseraFsck has others' program check the log with the verifier key, and refuse it with
// another one.
func tesseraFsck(t *testing.T, dir, origin, vkey string) {
	t.Helper()
	program, ok := tool("fsck")
	if !ok {
		t.Log("Tessera's fsck: SLEDGE_TOOLS is not set, or has it not")
		return
	}
	other := strings.Split(vkey, "+")
	if err := os.WriteFile("vkey", []byte(vkey), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{origin: true, other[0] + "x": false} {
		// The program exits 0 on failure, so only its success line counts.
		out, err := exec.CommandContext(t.Context(), program, "-N", "8", "-ui=false", "-origin", name, "-public_key", "vkey", "-storage_url", "file://"+placeOf(dir)+"/").CombinedOutput()
		if good := bytes.Contains(out, []byte("Successfully fsck'd log with size")); good != want {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
