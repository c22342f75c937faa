package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLockedBucket imports into a bucket whose objects cannot be removed for a day:
// all is stored and proven, what the import writes for itself is removed after a minute, and
// what a cancel cannot remove is named.
func TestLockedBucket(t *testing.T) {
	if os.Getenv("SLEDGE_OUTSIDE") == "" {
		t.Skip("a minute, for the retention of what the import writes for itself (make outside)")
	}
	t.Parallel()
	foreign{plain: inBucket(t, "locked", objectLock), profile: "minio"}.lockedBucket(t)
}

// objectLock has a bucket made in which objects can be locked.
var objectLock = map[string]string{"X-Amz-Bucket-Object-Lock-Enabled": "true"}

// ownObjectsKept is what an import says while it waits for them.
const ownObjectsKept = "until the bucket lets the import's own small objects go"

// lockedBucket has an import and a cancel wait for their minute side by side. The import that
// is canceled meanwhile is another one, killed while it waits; the first one is canceled, too,
// without another minute.
func (store foreign) lockedBucket(t *testing.T) {
	store.must(t, http.MethodPut, "", map[string]string{"object-lock": ""}, `<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled>`+
		`<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>`)
	src := t.TempDir()
	write(t, filepath.Join(src, "kept"), "content of kept")
	whole, killed := store.device(t, src), store.device(t, src)
	run, other := whole.start(whole.importArgs(store.flags...)...), killed.start(killed.importArgs(store.flags...)...)
	run.tells(t, ownObjectsKept)
	other.tells(t, ownObjectsKept)
	other.signal(syscall.SIGKILL)
	<-other.done
	cancel := append(store.flags[:len(store.flags):len(store.flags)], "--delete-objects")
	killed.run(killed.cancelArgs(cancel...)...)
	store.cancelLeaves(t, killed)

	run.completes(t)
	told := run.stderr.String()
	if store.profile == "ceph" { // it drops the lock of a multipart upload, so that the bucket's default holds the probe's: named
		told = strings.NewReplacer(`/parts": probe-left`, "", `/taken": probe-left`, "").Replace(told)
	}
	if strings.Contains(told, "probe-left") {
		t.Errorf("the import's own objects were not removed: %s", told)
	}
	given := whole.start(whole.cancelArgs(cancel...)...)
	given.until(t, "names what it could not remove", func() bool { return canceledNames(whole) })
	given.signal(syscall.SIGKILL) // what it waits for then is the other cancel's to show
	<-given.done
	store.cancelLeaves(t, whole)
}

// canceledNames tells whether a cancel has named what it could not remove.
func canceledNames(w *world) bool {
	list, err := os.ReadFile(w.path("import", "canceled.jsonl"))
	return err == nil && strings.Contains(string(list), `"what":"failed"`) && strings.Contains(string(list), fmt.Sprintf("%q", w.prefix+"kept"))
}

// cancelLeaves: the locked object is there, and the cancel has said so.
func (store foreign) cancelLeaves(t *testing.T, w *world) {
	t.Helper()
	if !canceledNames(w) {
		t.Errorf("the cancel does not name what it could not remove: %s", readText(t, w.path("import", "canceled.jsonl")))
	}
	if text, err := store.ask(http.MethodGet, w.prefix+"kept", nil, nil); err != nil || string(text) != "content of kept" {
		t.Errorf("the locked object: %q, %v", text, err)
	}
}
