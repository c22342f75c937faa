package e2e

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/cephtest"
)

// ceph is a cluster whose gateway is the store.
type ceph struct {
	foreign // as a user of the tenant alpha; each test makes a bucket
	cluster *cephtest.Cluster
}

// TestOutsideCeph imports into a real Ceph RADOS gateway.
func TestOutsideCeph(t *testing.T) {
	programs := guest(t, "ceph")
	t.Parallel()
	began := time.Now()
	cluster, err := cephtest.Start(t.Context(), programs, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	t.Logf("figure: a Ceph cluster is up after %.1f s", time.Since(began).Seconds())
	c := ceph{cluster: cluster}
	c.profile = "ceph"
	c.flags = []string{"--allow-unconditional", "--read-back"} // no condition on Complete, no checksum with HEAD
	c.foreign = c.user(t, "alpha", "importer")
	// Much of their time is waiting for a retention to be over, or for a HEAD that may lag behind.
	for _, test := range []struct {
		name  string
		shows func(*testing.T)
	}{
		{"retention", func(t *testing.T) { c.bucket(t, "retention", objectLock).lockedBucket(t) }}, // the longest first
		{"tenants", c.tenants}, {"uploadGone", c.uploadGone}, {"cancel", c.cancel},
		{"versioned", func(t *testing.T) { c.bucket(t, "versioned", nil).versionedBucket(t) }},
		{"whole", c.wholeImport}, {"probe", c.probes}, {"conditions", c.conditions}, {"quota", c.quota}, {"suspended", c.suspended},
		{"attributes", c.attributes}, {"limits", c.limits},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.shows(t)
		})
	}
}

// user is the store as somebody of a tenant sees it.
func (c ceph) user(t *testing.T, tenant, name string) foreign {
	t.Helper()
	user, err := c.cluster.User(t.Context(), tenant, name)
	if err != nil {
		t.Fatal(err)
	}
	c.plain = plain{serverOf(c.cluster.Endpoint, "", user.AccessKey, user.SecretKey)}
	return c.foreign
}

// probes: an import into Ceph has to allow writes without a condition, and no flag makes
// its HEAD tell a checksum. Both are said before anything is sent.
func (c ceph) probes(t *testing.T) {
	store := c.bucket(t, "probed", nil)
	if usable, _ := store.probe(t, exitTarget); usable {
		t.Error("a store without a condition on Complete is usable unasked")
	}
	usable, answers := store.probe(t, 0, store.flags...)
	if !usable {
		t.Errorf("not usable with %q", store.flags)
	}
	for name, want := range map[string]string{
		"s3:PutObject": "yes", "s3:ListMultipartUploadParts": "yes", "s3:DeleteObject": "yes",
		"conditional PUT": "yes", "conditional Complete": "NO", "keeps sha256": "NO", "composite sha256": "NO",
		"sha256 on PUT": "yes", "keeps metadata": "yes", "keeps names": "yes", "storage classes": "yes", "object lock": "NO",
	} {
		if answers[name] != want {
			t.Errorf("%s: %q, want %q", name, answers[name], want)
		}
	}
}

// conditions: the gateway honours If-None-Match on PUT, and not on Complete. An object that is there
// stays what it is, by either kind of write.
func (c ceph) conditions(t *testing.T) {
	store := c.bucket(t, "conditions", nil)
	src := makeTree(t, 3, 3, 9<<20)
	w := store.device(t, src)
	for _, key := range []string{"large-0.bin", "many/00/file-000.bin"} {
		store.must(t, http.MethodPut, w.prefix+key, nil, "somebody else's")
	}
	w.refused(t, exitTarget, "no-conditional-writes", w.importArgs("--halt-wait", "0", "--read-back")...)
	ifNone := map[string]string{"If-None-Match": "*"}
	if _, err := store.askWith(ifNone, http.MethodPut, w.prefix+"large-0.bin", nil, nil); err == nil || !strings.Contains(err.Error(), "status 412") {
		t.Errorf("a PUT on condition over an object: %v", err)
	}
	r := w.refused(t, exitConflict, "key-exists-conflict large-0.bin many/00/file-000.bin", w.importArgs(store.flags...)...)
	if strings.Contains(r.stderr, "file-001") {
		t.Errorf("more than what is there is named: %s", r)
	}
	for _, key := range []string{"large-0.bin", "many/00/file-000.bin"} {
		if text, err := store.ask(http.MethodGet, w.prefix+key, nil, nil); err != nil || string(text) != "somebody else's" {
			t.Errorf("%s was overwritten: %d bytes, %v", key, len(text), err)
		}
	}
}

// tenants: two tenants have buckets of one name. A run that was begun with the keys of one
// does not take the bucket of the other for its own.
func (c ceph) tenants(t *testing.T) {
	mine, theirs := c.bucket(t, "shared", nil), c.user(t, "beta", "other").bucket(t, "shared", nil)
	src := makeTree(t, 4, 60)
	w := mine.device(t, src)
	front := startStorefront(t, mine.server.Endpoint, mine.server.AccessKey)
	w = w.at(mine.through(front.URL))
	held := front.after(30, writes)
	run := w.start(w.importArgs(append(mine.flags, "--concurrency", "2")...)...)
	run.killed(t, held)

	front.expire(theirs.server.AccessKey)
	other := w.at(theirs.through(front.URL))
	refused := func() {
		t.Helper()
		other.refused(t, exitTarget, "target-changed", other.importArgs(append(mine.flags, "--halt-wait", "0")...)...)
		if keys := theirs.all(t, ""); len(keys) > 0 {
			t.Errorf("the other tenant's bucket has %q", keys)
		}
	}
	refused() // of a process that was killed, whose journal knows next to nothing
	front.expire(mine.server.AccessKey)
	w.must(w.importArgs(mine.flags...)...)
	mine.holds(t, w.prefix, src)
	front.expire(theirs.server.AccessKey)
	refused() // of a run that has ended
}

// quota: a quota that is met half-way halts the run, which goes on by itself once it was
// raised.
func (c ceph) quota(t *testing.T) {
	store := c.user(t, "alpha", "limited").bucket(t, "quota", nil)
	c.limit(t, 25)
	src := makeTree(t, 5, 60)
	w := store.device(t, src)
	args := w.importArgs(append(store.flags, "--concurrency", "2")...)
	run := w.start(args...)
	run.halts(t, "target-full")
	if keys := store.all(t, w.prefix); len(keys) == 0 || len(keys) > 25 {
		t.Errorf("%d objects with a quota of 25", len(keys))
	}
	c.limit(t, -1)
	run.completes(t)
	store.holds(t, w.prefix, src)
}

// limit gives each bucket of the limited user so many objects; -1 takes the limit away.
func (c ceph) limit(t *testing.T, objects int) {
	t.Helper()
	whose := []string{"--quota-scope", "bucket", "--tenant", "alpha", "--uid", "limited"}
	c.admin(t, append([]string{"quota", "set", "--max-objects", fmt.Sprint(objects)}, whose...)...)
	c.admin(t, append([]string{"quota", "enable"}, whose...)...)
}

// twoParts is what one request does not carry.
var twoParts = strings.Repeat("large ", 17<<20/6)

// suspended: a user who is suspended half-way halts the run, which says so, gives no object up,
// and goes on by itself once the user is enabled.
func (c ceph) suspended(t *testing.T) {
	store := c.user(t, "alpha", "suspended").bucket(t, "suspended", nil)
	src := makeTree(t, 7, 30)
	w := store.device(t, src)
	front := startStorefront(t, store.server.Endpoint, store.server.AccessKey)
	held := front.after(10, writes)
	w = w.at(store.through(front.URL))
	run := w.start(w.importArgs(append(store.flags, "--concurrency", "2")...)...)
	run.comesTo(t, held.reached)
	c.admin(t, "user", "suspend", "--tenant", "alpha", "--uid", "suspended")
	held.open()
	run.halts(t, "UserSuspended")
	c.admin(t, "user", "enable", "--tenant", "alpha", "--uid", "suspended")
	run.completes(t)
	store.holds(t, w.prefix, src)
}

func (c ceph) admin(t *testing.T, args ...string) {
	t.Helper()
	if _, err := c.cluster.Admin(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

// attributes: the gateway takes tags and locks with a PUT, and drops them with
// CreateMultipartUpload. Both are named by the kind of write. The lack of a lock is an error
// of the object, that of tags a warning.
func (c ceph) attributes(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "small"), "small")
	write(t, filepath.Join(src, "large"), twoParts)
	for _, test := range []struct {
		name, rule string
		code       int
		told       string
		ask, shows string // of the small one
	}{
		{"tags", `"tags": {"retain": "10y"}`, 0, `warning: "large": attribute-dropped: tags, by CreateMultipartUpload`, "tagging", "10y"},
		{"lock", `"lock": {"mode": "GOVERNANCE", "days": 1}`, exitObjects, `warning: "large": attribute-missing: lock, by CreateMultipartUpload`, "retention", "GOVERNANCE"},
		{"hold", `"lock": {"legal_hold": true}`, exitObjects, `warning: "large": attribute-missing: legal_hold, by CreateMultipartUpload`, "legal-hold", "ON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := c.bucket(t, "attributes-"+test.name, objectLock)
			w := store.device(t, src)
			write(t, w.path("rules.json"), `{"version": 1, "objects": [{`+test.rule+`}]}`)
			r := w.run(w.importArgs(append(store.flags, "--rules", w.path("rules.json"))...)...)
			if r.code != test.code || !strings.Contains(r.stderr, test.told) || strings.Contains(r.stderr, `"small"`) {
				t.Errorf("not with exit code %d and %s: %s", test.code, test.told, r)
			}
			text, err := store.ask(http.MethodGet, w.prefix+"small", map[string]string{test.ask: ""}, nil)
			if err != nil || !strings.Contains(string(text), test.shows) {
				t.Errorf("the small object's %s: %s, %v", test.ask, text, err)
			}
		})
	}
}

// uploadGone: an upload that somebody has aborted is begun anew in the same run, whatever the
// gateway calls that.
func (c ceph) uploadGone(t *testing.T) {
	store := c.bucket(t, "gone", nil)
	src := t.TempDir()
	write(t, filepath.Join(src, "large"), twoParts)
	for _, flags := range [][]string{nil, {"--defer-complete", "10"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			w := store.device(t, src)
			key := w.prefix + "large"
			h := startHolding(t, store.server.Endpoint, func(r *http.Request) bool {
				return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") && strings.HasSuffix(r.URL.Path, key)
			})
			w = w.at(store.through(h.URL))
			run := w.start(w.importArgs(append(store.flags, flags...)...)...)
			run.comesTo(t, h.reached)
			ids, err := store.uploads(key)
			if err != nil || len(ids) != 1 {
				t.Fatalf("uploads %q, %v", ids, err)
			}
			store.must(t, http.MethodDelete, key, map[string]string{"uploadId": ids[0]}, "")
			close(h.let)
			run.completes(t)
			store.holds(t, w.prefix, src)
		})
	}
}

// cancel: what a run that was killed has left is removed, and nothing else.
func (c ceph) cancel(t *testing.T) {
	store := c.bucket(t, "canceled", nil)
	src := makeTree(t, 6, 30, 24<<20)
	w := store.device(t, src)
	store.must(t, http.MethodPut, w.prefix+"not-ours", nil, "somebody else's")
	front := startStorefront(t, store.server.Endpoint, store.server.AccessKey)
	held := front.after(0, partTwo)
	w = w.at(store.through(front.URL))
	w.start(w.importArgs(store.flags...)...).killed(t, held)
	w.must(w.cancelArgs(append(store.flags, "--delete-objects")...)...)
	if keys := store.all(t, ""); len(keys) != 1 || keys[0] != w.prefix+"not-ours" {
		t.Errorf("after the cancel there are %q", keys)
	}
	if ids, err := store.uploads(w.prefix + "large-0.bin"); err != nil || len(ids) > 0 {
		t.Errorf("uploads %q, %v", ids, err)
	}
}

// limits holds the profile's numbers against the gateway's.
func (c ceph) limits(t *testing.T) {
	store := c.bucket(t, "limits", nil)
	id, err := store.begin("parts")
	if err != nil {
		t.Fatal(err)
	}
	profile := profileOf(t, "ceph")
	part := func(n int) map[string]string { return map[string]string{"uploadId": id, "partNumber": fmt.Sprint(n)} }
	for _, test := range []struct {
		name   string
		header map[string]string
		key    string
		query  map[string]string
		code   string // "": it is taken
	}{
		{"longest key", nil, strings.Repeat("k", profile.MaxKey), nil, ""},
		{"longer key", nil, strings.Repeat("k", profile.MaxKey+1), nil, "InvalidObjectName"},
		{"all metadata", map[string]string{"X-Amz-Meta-A": strings.Repeat("m", profile.MaxMeta-1)}, "meta", nil, ""},
		{"last part", nil, "parts", part(profile.MaxParts), ""},
		{"known class", map[string]string{"X-Amz-Storage-Class": profile.StorageClasses[0]}, "class", nil, ""},
		{"unknown class", map[string]string{"X-Amz-Storage-Class": "GLACIER"}, "class", nil, "InvalidArgument"},
	} {
		_, err := store.askWith(test.header, http.MethodPut, test.key, test.query, []byte("x"))
		if test.code == "" && err != nil || test.code != "" && (err == nil || !strings.Contains(err.Error(), test.code)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.code)
		}
	}
	store.smallestPart(t, profile.MinPart)
}

// smallestPart: one byte less than the profile's smallest part is refused by Complete.
func (f foreign) smallestPart(t *testing.T, size int64) {
	t.Helper()
	for _, first := range []int64{size, size - 1} {
		id, err := f.begin("joined")
		if err != nil {
			t.Fatal(err)
		}
		list := "<CompleteMultipartUpload>"
		for n, size := range []int64{first, 1} {
			content := make([]byte, size)
			query := map[string]string{"uploadId": id, "partNumber": fmt.Sprint(n + 1)}
			f.must(t, http.MethodPut, "joined", query, string(content))
			list += fmt.Sprintf(`<Part><PartNumber>%d</PartNumber><ETag>"%x"</ETag></Part>`, n+1, md5.Sum(content))
		}
		_, err = f.ask(http.MethodPost, "joined", map[string]string{"uploadId": id}, []byte(list+"</CompleteMultipartUpload>"))
		if taken := err == nil; taken != (first == size) {
			t.Errorf("a first part of %d bytes: %v", first, err)
		}
	}
}

// profileOf asks the importer for what it holds a kind of target to.
func profileOf(t *testing.T, name string) target.Profile {
	t.Helper()
	p, err := target.ProfileByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
