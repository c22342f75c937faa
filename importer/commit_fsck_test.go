package importer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

// TestCommitMarkerVerifies has the independent verifier read what a run's marker
// says, from the job signer's key alone.
func TestCommitMarkerVerifies(t *testing.T) {
	keys, err := site.Init(memDisk(), site.Options{Name: "Example"})
	if err != nil {
		t.Fatal(err)
	}
	device := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32)).Public().(ed25519.PublicKey)
	made, err := keys.CreateJob(site.JobParams{Devices: []ed25519.PublicKey{device}, FIPS: true, Now: time.Now(), Expires: time.Now().Add(time.Hour), Rand: rand.Reader,
		Geometry: manifest.JobGeometry{K: 2, M: 1, BlockSize: 4096, Disks: 3}, Target: manifest.JobTarget{URL: "s3://bucket/in/"},
		Policy: manifest.JobPolicy{FileDigest: "whole", Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30}})
	if err != nil {
		t.Fatal(err)
	}
	s, disk := mixed(), memDisk()
	s.scope = manifest.Scope{Job: made.Job.ID, Device: made.Job.Devices[0].ID, Generation: 1}
	o := testOptions(t, disk)
	if o.ImporterKey, err = keys.Key(site.Importer); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, s, newFake(t), o)
	marker, err := CommitMarker(disk, res.Receipts, made.File, o.ImporterKey)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.PublicKey(site.Signer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := fsck.VerifyCommit(marker, fsck.Trust{Key: signer})
	if err != nil {
		t.Fatal(err)
	}
	if r.Origin != fsck.OriginProven || !r.Complete || r.Objects != 8 || r.Bytes != uint64(res.Tally.Bytes) || r.Target != "s3://bucket/in/" ||
		!receipt.NamesRun(r.Run, "run-1") || r.SHA256 != manifest.SHA256Subject("", res.Checkpoint).Digest["sha256"] || !r.Finished.Equal(res.Finished) {
		t.Errorf("%+v", r)
	}
}
