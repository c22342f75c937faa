package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestExpiry waits for a job's end: it stops new loads, and the first unlock, never
// the seal of what is loaded nor the import of what was sealed.
func TestExpiry(t *testing.T) {
	t.Parallel() // it waits most of the time
	const life = 25 * time.Second
	src := makeTree(t, 9, 5, 1<<20)
	job := []string{"--fips", "--expires", life.String()}
	sealed := newWorld(t, options{job: job})
	open := newWorld(t, options{job: job, share: sealed})
	late := newWorld(t, options{job: job, share: sealed})
	made := time.Now()
	open.unlock()
	open.must(open.loadArgs(src)...)
	answer := open.wrapAnswer()
	sealed.sealed(src)
	time.Sleep(time.Until(made.Add(life + 3*time.Second)))

	open.refused(t, exitJob, "expired", open.loadArgs(src)...)
	late.refused(t, exitJob, "expired", "unlock", "--job", late.path("job.dsse"), "--disk", late.allDisks(), "--code-file", late.code)
	if r := open.must("status"); !strings.Contains(r.stdout, "expired") || !strings.Contains(r.stdout, "extend the job") {
		t.Errorf("status does not tell the expiry and what helps: %s", r)
	}
	open.must("lock")
	open.must("unlock", "--disk", open.allDisks(), "--code-file", open.code)
	open.must(open.sealArgs(answer)...)
	open.compareExtracted(src)
	sealed.compareExtracted(src)
}
