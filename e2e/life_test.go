package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

type importAnswer struct {
	Outcomes map[string]int
	Proofs   map[string]int
	Complete bool
	Receipts string
	Run      string
}

// TestLife is one device from source to verified objects and back.
func TestLife(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	src := makeTree(t, 1, 200, 40<<20+7)
	w := newWorld(t, options{server: s3test.Start(t)})
	w.sealed(src)
	if r := w.run(append([]string{"verify", "disks"}, w.trust()...)...); r.code != 0 {
		t.Errorf("verify disks: %s", r)
	}
	var first importAnswer
	w.must(w.importArgs("--json")...).result(t, &first)
	if !first.Complete || first.Proofs["store sha256"] != first.Outcomes["stored"] || first.Outcomes["stored"] < 200 {
		t.Errorf("import: %+v", first)
	}
	w.compareObjects(src)
	w.compareExtracted(src)
	w.prove(src, "many/03/file-003.bin")
	w.read(src, "with space, ümlaut & 'quotes'")
	verify := append([]string{"verify", "import", first.Receipts, "--endpoint", w.server.Endpoint, "--path-style"}, w.trust()...)
	if r := w.run(verify...); r.code != 0 {
		t.Errorf("verify import: %s", r)
	}
	// A second import begins anew and finds everything there.
	var again importAnswer
	w.must(w.importArgs("--json", "--run-id", "run-2", "--state", w.path("import-2"))...).result(t, &again)
	if again.Outcomes["already-there"] != first.Outcomes["stored"] || !again.Complete {
		t.Errorf("second import: %+v", again)
	}
	// An object that was changed afterwards is found by the receipts.
	object := filepath.Join(w.prefixFolder(), "many/03/file-003.bin")
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	if r := w.run(verify...); r.code != exitObjects || !strings.Contains(r.stdout+r.stderr, "many/03/file-003.bin") {
		t.Errorf("verify import without one object: %s", r)
	}
}

// prove makes the proof of a file and checks it as someone who holds no key.
func (w *world) prove(src, path string) {
	w.t.Helper()
	proof := w.path("one.proof")
	w.must(append([]string{"prove", path, "--out", proof}, w.centre()...)...)
	info, err := os.Stat(proof)
	if err != nil || info.Size() > 16<<10 {
		w.t.Errorf("proof: %v, %v", info, err)
	}
	content, err := os.ReadFile(filepath.Join(src, path))
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	base := []string{"verify", "proof", proof, "--trust", w.path("site", "signer.pub")}
	w.must(append(base, "--file", filepath.Join(src, path))...)
	w.must(append(base, "--sha256", hex.EncodeToString(sum[:]))...)
	sum[5] ^= 1
	if r := w.run(append(base, "--sha256", hex.EncodeToString(sum[:]))...); r.code == 0 {
		w.t.Errorf("a wrong SHA-256 was accepted: %s", r)
	}
}

// read lists and prints one file.
func (w *world) read(src, path string) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(src, path))
	if err != nil {
		w.t.Fatal(err)
	}
	if r := w.must(append([]string{"cat", path}, w.centre()...)...); r.stdout != string(content) {
		w.t.Errorf("cat %q gave %d bytes, not %d", path, len(r.stdout), len(content))
	}
	if r := w.must(append([]string{"list", "--print0"}, w.centre()...)...); !strings.Contains("\x00"+r.stdout, "\x00"+path+"\x00") {
		w.t.Errorf("list does not name %q", path)
	}
}

// TestRebuild loses two disks, has one rebuilt, and then loses two others.
func TestRebuild(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	src := makeTree(t, 2, 50, 9<<20)
	w := newWorld(t, options{})
	w.sealed(src)
	lose := func(disk string) {
		t.Helper()
		if err := os.Rename(w.path("disks", disk), w.path("gone-"+disk)); err != nil {
			t.Fatal(err)
		}
	}
	lose("d01")
	lose("d03")
	if r := w.run(append([]string{"verify", "disks"}, w.trust()...)...); r.code != exitDamage {
		t.Errorf("verify disks with two lost: %s", r)
	}
	w.mkdir("new")
	w.must(append([]string{"rebuild", "--replace", w.path("new"), "--bay", "3", "--disk", w.allDisks(), "--trust", w.path("site", "signer.pub")}, folders...)...)
	if err := os.Rename(w.path("new"), w.path("disks", "d77")); err != nil { // any name will do
		t.Fatal(err)
	}
	w.compareExtracted(src)
	lose("d00")
	w.compareExtracted(src)
	lose("d02")
	if r := w.run(append([]string{"extract", w.path("out")}, w.centre()...)...); r.code != exitDisks && r.code != exitLost {
		t.Errorf("extract with three of five disks lost: %s", r)
	}
}
