package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/fsck"
)

// TestDifferencesShown: people see a bounded list, with the true number.
func TestDifferencesShown(t *testing.T) {
	for n, want := range map[int]string{20: "", 21: "… and 1 more", maxDifferences: "… and 29980 more"} {
		r := &verifyImportReport{ReceiptReport: &fsck.ReceiptReport{Manifest: &fsck.Report{}}, Store: &importer.VerifyReport{Differences: uint64(n)}}
		if n == maxDifferences {
			r.Store.Differences = 3 * maxDifferences // more than are kept
		}
		for i := range n {
			r.Differences = append(r.Differences, fmt.Sprintf("difference %d", i))
		}
		var out bytes.Buffer
		r.print(&out)
		if got := strings.Count(out.String(), "difference "); got != shownDifferences {
			t.Errorf("%d differences: %d shown", n, got)
		}
		if strings.Contains(out.String(), "more") != (want != "") || !strings.Contains(out.String(), want) {
			t.Errorf("%d differences: no %q in\n%s", n, want, &out)
		}
	}
}
