package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestExpiry waits for a job's end: it stops new loads, and the first unlock, never
// the seal of what is loaded nor the import of what was sealed. A machine that does not
// get everything ready before that end has a job of twice the life.
func TestExpiry(t *testing.T) {
	t.Parallel() // it waits most of the time
	src := makeTree(t, 9, 5, 1<<20)
	life := 8 * time.Second
	for !expiryAfter(t, src, life) {
		life *= 2
	}
}

// expiryAfter returns false if the jobs had expired before all was ready.
func expiryAfter(t *testing.T, src string, life time.Duration) bool {
	begun := time.Now()
	job := []string{"--fips", "--expires", life.String()}
	sealed := newWorld(t, options{job: job})
	open := newWorld(t, options{job: job, share: sealed})
	late := newWorld(t, options{job: job, share: sealed})
	made := time.Now()
	for _, w := range []*world{open, sealed} {
		for _, args := range [][]string{w.unlockArgs(), w.loadArgs(src)} {
			switch r := w.run(args...); {
			case r.code == exitJob && time.Since(begun) > life-2*time.Second && strings.Contains(r.stderr, "expired"):
				return false
			case r.code != 0:
				t.Fatalf("sledge %s: %s", strings.Join(args, " "), r)
			}
		}
	}
	answer := open.wrapAnswer()
	sealed.must(sealed.sealArgs(sealed.wrapAnswer())...)
	time.Sleep(time.Until(made.Add(life + time.Second)))

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
	return true
}
