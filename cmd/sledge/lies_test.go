package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/liar"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
)

// try runs a verb and gives its exit code with what it said.
func (f *field) try(args ...string) (code int, says string) {
	f.t.Helper()
	var text bytes.Buffer
	in, err := os.Open(os.DevNull)
	if err != nil {
		f.t.Fatal(err)
	}
	defer in.Close()
	a := &app{in: in, out: &text, err: &text, now: f.clock, ctx: f.t.Context()}
	root := a.root()
	root.SetArgs(args)
	if _, err := root.ExecuteContextC(f.t.Context()); err != nil {
		f.t.Fatalf("sledge %v: %v", args, err)
	}
	return a.code, text.String()
}

// sealedField is a field whose device was loaded and sealed; keys are all of its.
func sealedField(t *testing.T) (f *field, label []byte, keys liar.Keys) {
	t.Helper()
	f = newField(t)
	for _, dir := range []string{"src/d", "src/e"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b", "c", "d/1", "d/2", "e/1", "z"} {
		f.write("src/"+name, "content of "+name)
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	label, err := os.ReadFile("d.label")
	if err != nil {
		t.Fatal(err)
	}
	return f, label, f.keys(label)
}

// keys reads the keys of everybody who made the device.
func (f *field) keys(label []byte) (k liar.Keys) {
	f.t.Helper()
	must := func(err error) {
		f.t.Helper()
		if err != nil {
			f.t.Fatal(err)
		}
	}
	text, err := os.ReadFile("dev/device.key")
	must(err)
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(err)
	k.Device = parsed.(ed25519.PrivateKey)
	folder, err := vfs.OS("site")
	must(err)
	s, err := site.Open(folder)
	must(err)
	k.Signer, err = s.Key(site.Signer)
	must(err)
	disk, err := vfs.OS("bay0")
	must(err)
	set, err := appliance.OpenSet([]appliance.Disk{{Name: "bay0", FS: disk}}, k.Signer.Public().(ed25519.PublicKey), label)
	must(err)
	key, err := s.SiteKey(set.Job.ID)
	must(err)
	k.Load, err = set.OpenWithSite(key)
	must(err)
	return k
}

// emptyStore answers that nothing is there.
func emptyStore(t *testing.T) string {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		if r.Method != http.MethodHead {
			w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>not there</Message></Error>`))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// lieVerb is a command that reads a sealed device. private tells that it reads the
// manifest whole, so that it sees what the load key alone shows.
type lieVerb struct {
	args    []string
	private bool
}

func lieVerbs(store string) []lieVerb {
	key := []string{"--site", "site", "--label", "h.label"}
	with := func(private bool, more []string, args ...string) lieVerb {
		return lieVerb{slices.Concat(args, more), private}
	}
	trust := []string{"--trust", "site/signer.pub", "--label", "h.label"}
	return []lieVerb{
		with(false, trust, "verify", "manifest"),
		with(false, trust, "verify", "disks"),
		with(false, key, "receive"),
		with(true, key, "list"),
		with(true, key, "export-list"),
		with(true, key, "extract", "back"),
		with(false, key, "list", "z"),
		with(false, key, "cat", "z"),
		with(false, key, "prove", "z", "--out", "z.proof"),
		with(false, trust, "pack", "export", "0", "--out", "0.floe"),
		with(true, key, "import", "plan", "--endpoint", store, "--path-style"),
		with(false, []string{"--trust", "site/signer.pub", "--disk", "bay0,bay1", "--allow-shared"}, "rebuild", "--replace", "new"),
	}
}

// exits are the codes that the command may end with on a lie.
func (v lieVerb) exits(lie liar.Lie) []int {
	refused := []int{exitRefused, exitVersion}
	switch {
	case lie.InLabel() && v.args[0] == "rebuild": // it is not given one
		return []int{0}
	case lie.Sight == liar.Public:
		return refused
	case lie.Sight == liar.Blocks && slices.Equal(v.args[:2], []string{"verify", "disks"}):
		return refused
	case lie.Sight == liar.Private && v.private:
		return refused
	case lie.Sight == liar.Private:
		return []int{0, exitRefused, exitNotFound} // it may have met the place
	case lie.Sight == liar.Unwrapped && (v.args[0] == "receive" || v.args[0] == "pack"): // they open nothing
		return []int{0}
	case lie.Sight == liar.Unwrapped, lie.Sight == liar.Unstated && v.args[0] == "rebuild":
		return []int{exitLost}
	case (lie.Sight == liar.Damage || lie.Sight == liar.Unstated) && v.args[0] == "verify":
		return []int{exitDamage}
	}
	return []int{0}
}

// copyBays puts the disks as they were sealed into place.
func copyBays(t *testing.T) {
	t.Helper()
	for _, bay := range []string{"bay0", "bay1", "bay2"} {
		if err := os.RemoveAll(bay); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(bay, os.DirFS("sealed/"+bay)); err != nil {
			t.Fatal(err)
		}
	}
}

// clearOutput removes what the verbs have written.
func clearOutput(t *testing.T) {
	t.Helper()
	for _, name := range []string{"back", "z.proof", "0.floe", "new"} {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("new", 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestLies holds every command that reads a sealed device against the whole corpus of
// lying loaders: what one of them refuses the others refuse, and an honest device is
// taken by all.
func TestLies(t *testing.T) {
	f, label, keys := sealedField(t)
	verbs := lieVerbs(emptyStore(t))
	for _, bay := range []string{"bay0", "bay1", "bay2"} {
		if err := os.CopyFS("sealed/"+bay, os.DirFS(bay)); err != nil {
			t.Fatal(err)
		}
	}
	for _, lie := range liar.Lies() {
		t.Run(lie.Name, func(t *testing.T) {
			copyBays(t)
			f.write("h.label", string(f.lied(lie, label, keys)))
			for _, v := range verbs {
				clearOutput(t)
				want := v.exits(lie)
				if code, says := f.try(v.args...); !slices.Contains(want, code) {
					t.Errorf("sledge %s: exit %d, want %v: %s", strings.Join(v.args[:2], " "), code, want, says)
				}
			}
		})
	}
}
