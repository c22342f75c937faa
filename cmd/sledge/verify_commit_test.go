package main

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
		{"marker.dsse", commitExpect{}, exitDone},
		{"s3://bucket/in/_COMMIT", commitExpect{}, exitDone},
		{"s3://bucket/in/sub/_COMMIT", commitExpect{job: "j", device: "d", run: "run-1", target: "s3://bucket/in"}, exitDone},
		{"s3://bucket/input/_COMMIT", commitExpect{}, exitRefused},
		{"s3://copy/in/_COMMIT", commitExpect{}, exitRefused},
		{"s3://copy/in/_COMMIT", commitExpect{target: "s3://bucket/in/"}, exitDone},
		{"marker.dsse", commitExpect{target: "s3://copy/in/"}, exitRefused},
		{"marker.dsse", commitExpect{target: "bucket"}, exitUsage},
		{"marker.dsse", commitExpect{job: "k"}, exitRefused},
		{"marker.dsse", commitExpect{device: "e"}, exitRefused},
		{"marker.dsse", commitExpect{run: "run-2"}, exitRefused},
	} {
		if code, _ := diagnose(test.e.check(test.name, r)); code != test.code {
			t.Errorf("%s, %+v: exit code %d, want %d", test.name, test.e, code, test.code)
		}
	}
	if code, _ := diagnose((&commitExpect{}).check("s3://bucket/in/_COMMIT", &fsck.CommitReport{})); code != exitRefused {
		t.Errorf("a marker of no target: %d", code)
	}
}
