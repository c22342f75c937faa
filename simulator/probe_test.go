package simulator

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// TestProbeTarget: a probe finds out what a store does otherwise than S3, and
// whether an import can go there all the same.
func TestProbeTarget(t *testing.T) {
	tests := []struct {
		name   string
		traits Traits
		no     []string // what the store does not honour
		proof  entry.Proof
		usable bool
	}{
		{"as S3", Traits{}, nil, entry.ProofSHA256, true},
		{"unchecking", Traits{Unchecking: true}, []string{"sha256 on PUT", "sha256 on UploadPart", "composite sha256", "x-amz-content-sha256"}, entry.ProofNone, true},
		{"drops checksums", Traits{DropsChecksum: true}, []string{"keeps sha256"}, entry.ProofNone, true},
		{"silent", Traits{Silent: true}, []string{"answers writes as HEAD does"}, entry.ProofSHA256, true},
		{"no conditions", Traits{NoConditions: true}, []string{"conditional PUT", "conditional Complete"}, entry.ProofSHA256, false},
	}
	honest := []string{"sha256 on PUT", "sha256 on UploadPart", "composite sha256", "x-amz-content-sha256", "keeps sha256", "answers writes as HEAD does", "conditional PUT", "conditional Complete"}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bucket := &Bucket{Name: "bucket", Traits: test.traits, Free: func(key string) bool { return strings.Contains(key, probe.Prefix) }}
			o := importer.Options{Config: s3.Config{Bucket: "bucket", Endpoint: "http://store.invalid", PathStyle: true, Transport: bucket,
				Credentials: &s3.Credentials{AccessKey: "simulated", SecretKey: "simulated-secret"}}, Prefix: "in/", Backoff: time.Millisecond}
			target, err := importer.NewS3(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			r, err := importer.ProbeTarget(context.Background(), target, o, "probe", []string{})
			if err != nil || r.Usable != test.usable || r.StoreProof != test.proof || r.Proof != entry.ProofReadBack {
				t.Fatalf("%v, %+v", err, r)
			}
			for _, f := range r.Findings {
				want := probe.AnswerYes
				if slices.Contains(test.no, f.Name) {
					want = probe.AnswerNo
				}
				if slices.Contains(honest, f.Name) && f.Answer != want {
					t.Errorf("%s: %s (%s), want %s", f.Name, f.Answer, f.Detail, want)
				}
				if strings.HasPrefix(f.Name, "crc64nvme") && f.Answer != probe.AnswerNo {
					t.Errorf("%s: %s, and this store looks at no CRC", f.Name, f.Answer)
				}
			}
			if len(bucket.Objects()) != 0 || len(bucket.Uploads()) != 0 || len(bucket.Violations()) != 0 || len(r.Left) != 0 {
				t.Errorf("left %v, %v, %v", bucket.Objects(), bucket.Uploads(), bucket.Violations())
			}
		})
	}
}
