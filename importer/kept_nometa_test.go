package importer

import (
	"context"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// headless is a store that drops all headers of CreateMultipartUpload.
type headless struct{ *fakeTarget }

func (h *headless) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	in.Metadata, in.Attributes = nil, target.Attributes{}
	return h.fakeTarget.CreateUpload(ctx, in)
}

// TestKeptWithoutMetadata: where a store drops an upload's metadata with its lock, the
// object is missed the lock all the same, by each start, however Complete is answered.
func TestKeptWithoutMetadata(t *testing.T) {
	const rules = `{"version":1,"objects":[{"lock":{"mode":"GOVERNANCE","days":3}}]}`
	for _, lost := range []bool{false, true} {
		for _, silent := range []bool{false, true} {
			s, f, disk := mixed(), newFake(t), memDisk()
			f.shows, f.silent = keepsAll, silent
			answered := false
			f.hook = func(_ int, call, key string) (bool, error) {
				if lost && call == "complete" && ours(key) && !answered {
					answered = true
					return true, target.Unknown(target.NewError(target.CodeConnectionLost, key, "", nil))
				}
				return true, nil
			}
			o := testOptions(t, disk)
			o.Now = fixedClock()
			o.Rules = parseRules(t, rules)
			said := map[target.Code]int{}
			o.Problem = func(e *target.Error) { said[e.Code]++ }
			for start := 1; start <= 2; start++ {
				res := mustRun(t, s, &headless{f}, o)
				if res.Complete || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || said[target.CodeAttributeMissing] != start {
					t.Errorf("lost %v, silent %v, start %d: said %v, %+v", lost, silent, start, said, res.Tally.Outcomes)
				}
			}
		}
	}
}

// TestStoredWithoutMetadata: an object that the target has answered to have taken is this
// run's, whatever it keeps of the metadata.
func TestStoredWithoutMetadata(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.ReadBack = true
	res := mustRun(t, s, &headless{f}, o)
	if !res.Complete || res.Tally.Outcomes[entry.OutcomeAlreadyThere] != 0 {
		t.Errorf("%+v", res.Tally)
	}
	if !strings.Contains(res.Probe.String(), "NOT keeps metadata by parts") {
		t.Error(res.Probe)
	}
}
