package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestExpiry waits for a job's end: it stops the field's work, never the import of
// what was sealed.
func TestExpiry(t *testing.T) {
	t.Parallel() // it waits most of the time
	const life = 25 * time.Second
	src := makeTree(t, 9, 5, 1<<20)
	made := time.Now()
	job := []string{"--fips", "--expires", life.String()}
	sealed := newWorld(t, options{job: job})
	open := newWorld(t, options{job: job, share: sealed})
	open.unlock()
	open.must(open.loadArgs(src)...)
	answer := open.wrapAnswer()
	sealed.sealed(src)
	time.Sleep(time.Until(made.Add(life + 3*time.Second)))

	open.refused(t, exitJob, "expired", open.loadArgs(src)...)
	open.refused(t, exitJob, "expired", open.sealArgs(answer)...)
	open.must("lock")
	open.refused(t, exitJob, "expired", "unlock", "--disk", open.allDisks(), "--code-file", open.code)
	if r := open.must("status"); !strings.Contains(r.stdout, "expire") {
		t.Errorf("status does not name the expiry: %s", r)
	}
	sealed.compareExtracted(src)
}
