package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

// TestFIPS is a life in which the program may use approved cryptography only:
// anything else panics. The job says so beforehand (--fips: PBKDF2 instead of
// Argon2id, no age file). The S3 server is not ours and runs as it is.
func TestFIPS(t *testing.T) {
	t.Parallel() // it waits for disks and the store most of the time
	if _, err := s3test.Binary(); err != nil && os.Getenv("SLEDGE_FIPS") != "" {
		t.Fatal(err) // make fips: nothing may be left out
	}
	src := makeTree(t, 8, 100, 20<<20)
	server := s3test.Start(t)
	w := newWorld(t, options{server: server, job: []string{"--fips"}, env: []string{"GODEBUG=fips140=only"}})
	if job := w.must("job", "show", w.path("job.dsse"), "--trust", w.path("site", "signer.pub")); !strings.Contains(job.stdout, "pbkdf2-hmac-sha256") {
		t.Errorf("the job does not take PBKDF2: %s", job)
	}
	w.sealed(src)
	for _, verb := range []string{"manifest", "disks"} {
		w.must(append([]string{"verify", verb}, w.trust()...)...)
	}
	var r importAnswer
	w.must(w.importArgs("--json")...).result(t, &r)
	if !r.Complete || r.Outcomes["stored"] == 0 || r.Proofs["store sha256"] != r.Outcomes["stored"] {
		t.Errorf("import: %+v", r)
	}
	w.must(append([]string{"verify", "import", r.Receipts, "--endpoint", server.Endpoint, "--path-style"}, w.trust()...)...)
	w.prove(src, "many/03/file-003.bin")
	w.compareObjects(src)
	w.compareExtracted(src)
}

// TestNotFIPS sees that the mode is on where TestFIPS believes it to be: a code
// that takes Argon2id is refused.
func TestNotFIPS(t *testing.T) {
	w := newWorld(t, options{})
	cmd := w.command(w.unlockArgs()...)
	cmd.Env = append(cmd.Env, "GODEBUG=fips140=only")
	w.isRefusal(t, w.finish(cmd, nil), exitUsage, "argon2id fips140=only --fips")
	w.unlock()
}
