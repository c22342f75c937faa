package importer

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// TestRunNamesDropped: a target that takes an attribute and does not show it is named
// once, and each object in the receipts; small objects are looked at once a set.
func TestRunNamesDropped(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Rules = parseRules(t, `{"version":1,"objects":[{"storage_class":"COLD","tags":{"a":"b"}}]}`)
	said := map[target.Code]int{}
	o.Problem = func(e *target.Error) { said[e.Code]++ }
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	if said[target.CodeAttributeDropped] != 2*2 { // two attributes, by PUT and by multipart
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

// TestKeptByKindOfWrite: a store that keeps what PUT asks for may drop it where an upload
// in parts asks, and the other way round. Each kind is looked at: a lock or an encryption
// that is not there fails its objects, another attribute is a warning by name.
func TestKeptByKindOfWrite(t *testing.T) {
	const rules = `{"version":1,"objects":[{"lock":{"mode":"GOVERNANCE","days":3,"legal_hold":true},"sse":"aws:kms","kms_key_id":"key","tags":{"a":"b"}}]}`
	names := map[string]func(*target.Shown){
		"lock":       func(s *target.Shown) { s.LockMode, s.LockUntil = "", time.Time{} },
		"legal_hold": func(s *target.Shown) { s.LegalHold = false },
		"sse":        func(s *target.Shown) { s.SSE = "AES256" },
		"kms_key_id": func(s *target.Shown) { s.KMSKeyID = "arn:aws:kms:x:1:key/other" },
		"tags":       func(s *target.Shown) { s.TagCount = 0 },
	}
	for name, drop := range names {
		for _, multi := range []bool{false, true} {
			for _, held := range []int{0, 100} {
				s, f := mixed(), newFake(t)
				objects := 0 // stored by this kind of write
				for path, data := range s.objects("") {
					if (len(data) > 16<<20 || held > 0 && len(data) > 0 && !strings.HasSuffix(path, "/")) == multi {
						objects++
					}
				}
				f.shows = func(key string, by bool, a target.Attributes) target.Shown {
					shown := keepsAll(key, by, a)
					if ours(key) && by == multi {
						drop(&shown)
					}
					return shown
				}
				disk := memDisk()
				o := testOptions(t, disk)
				o.Now, o.DeferComplete = fixedClock(), held
				o.Rules = parseRules(t, rules)
				said := map[target.Code]int{}
				o.Problem = func(e *target.Error) { said[e.Code]++ }
				res, err := Run(t.Context(), s, f, o)
				if err != nil {
					t.Fatalf("%s, multipart %v: %v", name, multi, err)
				}
				failed := int(res.Tally.Outcomes[entry.OutcomeFailed])
				switch {
				case name == "tags" && (failed > 0 || said[target.CodeAttributeDropped] != 1 || !res.Complete):
					t.Errorf("%s, multipart %v, held %d: said %v, %+v", name, multi, held, said, res)
				case name != "tags" && (failed != objects || said[target.CodeAttributeMissing] != objects || res.ExitClass() != ExitIncomplete):
					t.Errorf("%s, multipart %v, held %d: said %v, %d of %d failed", name, multi, held, said, failed, objects)
				}
			}
		}
	}
}
