package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

// TestReducedFolder does a whole import with the folder of site export alone: no other
// key of the site is on the host.
func TestReducedFolder(t *testing.T) {
	src := makeTree(t, 12, 20, 6<<20)
	w := newWorld(t, options{server: s3test.Start(t)})
	w.sealed(src)
	w.must("job", "create", "--site", w.path("site"), "--device-key", w.path("device", "device.pub"), "--geometry", "3+2",
		"--target", "s3://other/", "--fips", "--out", w.path("other.dsse"), "--code-out", w.path("other.txt"))
	label := []string{"--label", w.path("device.label"), "--disk", w.allDisks()}
	store := append([]string{"--endpoint", w.server.Endpoint, "--path-style"}, label...)
	sledge := func(args ...string) *ran {
		t.Helper()
		r := w.must(args...)
		if strings.Contains(r.stderr, "secret keys") {
			t.Errorf("sledge %s: %s", strings.Join(args, " "), r)
		}
		return r
	}
	if r := w.must(append([]string{"import", "plan", "--site", w.path("site")}, store...)...); !strings.Contains(r.stderr, "(signer.key, acceptor.key, site keys of 2 jobs)") {
		t.Errorf("the whole folder on the import host: %s", r)
	}
	sledge("site", "export", "--for", "import", "--site", w.path("site"), "--job", w.path("job.dsse"), "--out", w.path("keys"))
	away := t.TempDir()
	for _, secret := range []string{"site", "device", "other.dsse"} {
		if err := os.Rename(w.path(secret), filepath.Join(away, secret)); err != nil {
			t.Fatal(err)
		}
	}

	w.env = append(w.env, "SLEDGE_SITE="+w.path("keys"))
	at := func(folder string) []string { return append([]string{"--state", w.path(folder)}, store...) }
	sledge(append([]string{"receive"}, label...)...)
	sledge(append([]string{"import", "plan", "--measure"}, store...)...)
	sledge(append([]string{"import", "run"}, at("import")...)...)
	sledge(append([]string{"import", "retry", "--class", "fatal"}, at("import")...)...)
	sledge("import", "status", w.path("import"))
	sledge("import", "report", w.path("import"), "--importer", w.path("keys", "importer.pub"))
	sledge(append([]string{"verify", "import", w.path("import"), "--trust", w.path("keys", "signer.pub")}, store...)...)
	w.compareObjects(src)
	sledge(append([]string{"import", "run", "--all"}, at("all")...)...)
	sledge(append([]string{"extract", w.path("out")}, label...)...)
	sledge(append([]string{"list"}, label...)...)
	sledge(append([]string{"export-list", "--out", w.path("files.sha256")}, label...)...)
	sledge(append([]string{"import", "run", "--run-id", "second", "--target", "s3://" + w.server.Bucket + "/second/"}, at("second")...)...)
	sledge(append([]string{"import", "cancel", "--run-id", "second", "--delete-objects", "--target", "s3://" + w.server.Bucket + "/second/"}, at("second")...)...)

	accept := append([]string{"accept", w.path("import"), "--out", w.path("acceptance.dsse")}, label...)
	w.refused(t, exitUsage, "acceptor.key: not in this folder, which holds only what an import needs", accept...)
	w.refused(t, exitUsage, "signer.key: not in this folder", "job", "create", "--device-key", filepath.Join(away, "device", "device.pub"), "--geometry", "3+2",
		"--target", "s3://other/", "--fips", "--out", w.path("new.dsse"), "--code-out", w.path("new.txt"))
	r := sledge(append(accept, "--acceptor-key", filepath.Join(away, "site", "acceptor.key"))...)
	if !strings.Contains(r.stderr, "the site's own folder has no copy of the acceptance") {
		t.Errorf("accept with the reduced folder: %s", r)
	}
	sledge("verify", "acceptance", w.path("acceptance.dsse"), w.path("import"), "--trust", w.path("keys", "signer.pub"))
}
