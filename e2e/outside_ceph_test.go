package e2e

import (
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/cephtest"
)

// TestOutsideCeph imports into a real Ceph RADOS gateway.
func TestOutsideCeph(t *testing.T) {
	programs := guest(t, "ceph")
	began := time.Now()
	cluster, err := cephtest.Start(t.Context(), programs, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	t.Logf("figure: a Ceph cluster is up after %.1f s", time.Since(began).Seconds())
	user, err := cluster.User(t.Context(), "alpha", "importer")
	if err != nil {
		t.Fatal(err)
	}
	store := foreign{
		plain:   plain{serverOf(cluster.Endpoint, "", user.AccessKey, user.SecretKey)},
		profile: "ceph",
		flags:   []string{"--allow-unconditional", "--read-back"}, // no condition on Complete, no checksum with HEAD
	}
	t.Run("whole", store.wholeImport)
	t.Run("probe", func(t *testing.T) { cephProbe(t, store) })
}

// cephProbe: an import into Ceph has to allow writes without a condition, and no flag makes
// its HEAD tell a checksum. Both are said before anything is sent.
func cephProbe(t *testing.T, store foreign) {
	store = store.bucket(t, "probed", nil)
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
