package importer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
)

// TestDeletesListed: operators grant rights by the list of deletes in docs/import.md. Who
// adds one elsewhere completes the list, and this one.
func TestDeletesListed(t *testing.T) {
	known := []string{"call.go", "capabilities.go", "commitstore.go", "cancel.go", "deleteseen.go", "mirror_remove.go", "probe.go", "probe_fork.go", "probe_target.go", "runmarker.go", "s3.go", "transfer.go"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || slices.Contains(known, name) {
			continue
		}
		for _, sign := range []string{"callDelete", "callAbort", ".Delete(ctx", "DeleteSeen(ctx", "deleteSeen(ctx", ".AbortUpload("} {
			if strings.Contains(string(text), sign) {
				t.Errorf("%s has %s", name, sign)
			}
		}
	}
	doc, err := os.ReadFile("../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"What sledge deletes in a target", probe.Prefix, JournalPrefix, "--delete-objects", "s3:AbortMultipartUpload"} {
		if !strings.Contains(string(doc), what) {
			t.Errorf("the list has no %s", what)
		}
	}
}
