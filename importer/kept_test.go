package importer

import (
	"strings"
	"testing"
)

// TestRunNamesDropped: a target that takes an attribute and does not show it is named
// once, and each object in the receipts; small objects are looked at once a set.
func TestRunNamesDropped(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Rules = parseRules(t, `{"version":1,"objects":[{"storage_class":"COLD","tags":{"a":"b"}}]}`)
	said := map[Code]int{}
	o.Problem = func(e *Error) { said[e.Code]++ }
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	if said[CodeAttributeDropped] != 2 {
		t.Errorf("said %v", said)
	}
	noted := 0
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		if strings.Contains(line.Detail, "not shown by the target: ") {
			noted++
		}
	}
	if noted == 0 {
		t.Error("no line of the receipts tells of it")
	}
}
