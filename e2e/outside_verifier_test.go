package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	verifier "github.com/sledge-io/sledge/internal/keyless/program"
	"github.com/sledge-io/sledge/internal/s3test"
)

// verifierPage is the page open in a browser.
type verifierPage struct {
	*browser
	file          string
	width, height int
}

// answer is what the page says of a check.
type pageAnswer struct {
	Verdict, Class, Code, Command, Text, JSON string
	Wide                                      bool // something sticks out to the side
}

// check opens the page anew, gives it what is to be checked, and presses the button.
func (p *verifierPage) check(what string, files map[string][]string, text map[string]string) (a pageAnswer) {
	p.t.Helper()
	p.open(p.file, p.width, p.height)
	p.eval(`{const w = document.getElementById("what"); w.value = `+quoted(what)+`; w.dispatchEvent(new Event("change")); true}`, nil)
	for id, value := range text {
		p.eval(`document.getElementById(`+quoted(id)+`).value = `+quoted(value)+`; true`, nil)
	}
	for id, names := range files {
		if id != "disk" {
			p.give(id, names...)
			p.wait(`document.getElementById(` + quoted(id) + `).files.length > 0`)
			continue
		}
		for i, name := range names { // one folder after another, each once the one before is listed
			p.give(id, name)
			p.wait(fmt.Sprintf(`document.getElementById("disks").textContent.split(",").length == %d && document.getElementById("disks").textContent.includes(":")`, i+1))
		}
	}
	p.eval(`new Promise(resolve => { document.getElementById("check").click(); const wait = setInterval(() => { if (!document.getElementById("check").disabled) { clearInterval(wait); resolve(true) } }, 20) })`, nil)
	p.eval(`(() => { const t = id => document.getElementById(id).textContent; return {Verdict: t("verdict"), Class: document.getElementById("verdict").className, Code: t("code"), Command: t("command"), Text: t("text"), JSON: t("json"),
		Wide: document.documentElement.scrollWidth > document.documentElement.clientWidth} })()`, &a)
	return a
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// native is what sledge-verify says of the same; the page knows the files by other names.
func native(t *testing.T, names map[string]string, line ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = verifier.Program{Version: "test", Out: &stdout, Err: &stderr}.Run(context.Background(), line)
	out = stdout.String() + stderr.String()
	for real, shown := range names {
		out = strings.ReplaceAll(out, real, shown)
	}
	return code, out
}

// TestOutsideVerifierPage: the verifier's page works in a real browser from a folder, offline, at
// the width of a desk and of a phone, with the words, exit codes and JSON of sledge-verify; one
// flipped bit is refused.
func TestOutsideVerifierPage(t *testing.T) {
	t.Parallel()
	dir := guest(t, "chromium")
	page := filepath.Join(t.TempDir(), "verifier.html")
	build := exec.Command("go", "run", "./scripts/verifier", "-version", "test", "-out", page)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	src := makeTree(t, 1, 40, 3<<20+7)
	w := newWorld(t, options{geometry: "2+1", disks: 3, server: s3test.Start(t)})
	w.sealed(src)
	var imported importAnswer
	w.must(w.importArgs("--json")...).result(t, &imported)
	path := "many/03/file-003.bin"
	w.must(append([]string{"prove", path, "--out", w.path("one.proof")}, w.centre()...)...)
	proof, plain, signer, label := w.path("one.proof"), filepath.Join(src, path), w.path("site", "signer.pub"), w.path("device.label")
	b := startBrowser(t, dir)
	for _, p := range []*verifierPage{{b, page, 1280, 900}, {b, page, 360, 740}} {
		p.same(t, "proof", "0", map[string][]string{"trust": {signer}, "proof": {proof}, "file": {plain}}, []string{"proof", proof, "--trust", signer, "--file", plain})
		p.same(t, "manifest", "8", map[string][]string{"trust": {signer}, "label": {label}, "disk": {w.path("disks", "d00"), w.path("disks", "d01")}}, nil)
		a := p.same(t, "import", "0", map[string][]string{"trust": {signer}, "label": {label}, "disk": {w.path("disks", "d00")}, "receipts": {imported.Receipts}},
			[]string{"import", "--offline", imported.Receipts, "--trust", signer, "--label", label, "--disk", w.path("disks", "d00")})
		if !strings.Contains(a.Text, "every record of the manifest has an outcome, and none failed") {
			t.Errorf("receipts: %s", a.Text)
		}
	}
	p := &verifierPage{b, page, 360, 740}
	p.same(t, "proof", "9", map[string][]string{"proof": {proof}}, []string{"proof", proof})
	p.same(t, "disks", "0", map[string][]string{"trust": {signer}, "label": {label}, "disk": {w.path("disks", "d00"), w.path("disks", "d01"), w.path("disks", "d02")}}, nil)
	text, err := os.ReadFile(proof)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(text) / 3, len(text) - 40} {
		bad := bytes.Clone(text)
		bad[at] ^= 1
		name := filepath.Join(t.TempDir(), "one.proof")
		if err := os.WriteFile(name, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		p.same(t, "proof", "10", map[string][]string{"trust": {signer}, "proof": {name}, "file": {plain}}, []string{"proof", name, "--trust", signer, "--file", plain})
	}
	other := filepath.Join(t.TempDir(), "file-003.bin")
	content, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 4
	if err := os.WriteFile(other, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if a := p.same(t, "proof", "10", map[string][]string{"trust": {signer}, "proof": {proof}, "file": {other}}, []string{"proof", proof, "--trust", signer, "--file", other}); !strings.Contains(a.Text, "DIFFERENT from what was loaded") {
		t.Errorf("another file: %s", a.Text)
	}
	for _, said := range b.said {
		t.Errorf("the page, or the browser for it: %s", said)
	}
	if keep := os.Getenv("SLEDGE_PAGES"); keep != "" {
		for name, width := range map[string]int{"verifier-desk.png": 1280, "verifier-phone.png": 360} {
			p.width = width
			p.check("proof", map[string][]string{"trust": {signer}, "proof": {proof}, "file": {plain}}, nil)
			var shot struct{ Data string }
			b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
			png, err := base64.StdEncoding.DecodeString(shot.Data)
			if err == nil {
				err = os.WriteFile(filepath.Join(keep, name), png, 0o644)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// same checks by the page, and by the program if a line for it is given: code, words and JSON
// must be the same.
func (p *verifierPage) same(t *testing.T, what, code string, files map[string][]string, line []string) pageAnswer {
	t.Helper()
	a := p.check(what, files, nil)
	if a.Code != code || (a.Class == "good") != (code == "0") {
		t.Errorf("%s: exit code %s, %s, want %s:\n%s\n%s", a.Command, a.Code, a.Verdict, code, a.Text, a.JSON)
	}
	if a.Wide {
		t.Errorf("%s at %d pixels: something sticks out", what, p.width)
	}
	if line == nil {
		return a
	}
	names := map[string]string{}
	for id, list := range files {
		for _, name := range list {
			switch id {
			case "receipts":
				names[name] = "/receipts"
			case "disk":
				names[name] = "/disk0"
			default:
				names[name] = "/" + id + "/" + filepath.Base(name)
			}
		}
	}
	_, text := native(t, names, line...)
	_, object := native(t, names, append(line, "--json", "-q")...)
	if a.Text != text || a.JSON != object {
		t.Errorf("%s: the page and the program differ:\n%s\n%s\n--- and\n%s\n%s", what, a.Text, a.JSON, text, object)
	}
	return a
}
