package keyless

import (
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
)

// TestCommitExpect: a marker counts for the import that the reader waits for.
func TestCommitExpect(t *testing.T) {
	r := &fsck.CommitReport{Target: "s3://bucket/in/", Job: "j", Device: "d", Run: "run-1"}
	for _, test := range []struct {
		name string
		e    commitExpect
		code int
	}{
		{"marker.dsse", commitExpect{}, Done},
		{"s3://bucket/in/_COMMIT", commitExpect{}, Done},
		{"s3://bucket/in/sub/_COMMIT", commitExpect{job: "j", device: "d", run: "run-1", target: "s3://bucket/in"}, Done},
		{"s3://bucket/input/_COMMIT", commitExpect{}, Refused},
		{"s3://copy/in/_COMMIT", commitExpect{}, Refused},
		{"s3://copy/in/_COMMIT", commitExpect{target: "s3://bucket/in/"}, Done},
		{"marker.dsse", commitExpect{target: "s3://copy/in/"}, Refused},
		{"marker.dsse", commitExpect{target: "bucket"}, Usage},
		{"marker.dsse", commitExpect{job: "k"}, Refused},
		{"marker.dsse", commitExpect{device: "e"}, Refused},
		{"marker.dsse", commitExpect{run: "run-2"}, Refused},
	} {
		if code, _ := Diagnose(test.e.check(test.name, r)); code != test.code {
			t.Errorf("%s, %+v: exit code %d, want %d", test.name, test.e, code, test.code)
		}
	}
	if code, _ := Diagnose((&commitExpect{}).check("s3://bucket/in/_COMMIT", &fsck.CommitReport{})); code != Refused {
		t.Errorf("a marker of no target: %d", code)
	}
}
