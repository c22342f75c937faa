package fsck

import (
	"strings"
	"testing"
)

// TestSealSays: what the seal statement confesses is a note, and changes no verdict.
func TestSealSays(t *testing.T) {
	for class, more := range map[string]map[string]any{
		"seal-incomplete": {"scan_complete": false}, "seal-degraded": {}, "seal-unread": {"read_back": "partly", "unread_packs": 1},
		"seal-shared": {"shared_disks": true}, "seal-filesystems": {"filesystems": []string{"fuse", "vfat"}},
		"seal-left": {"left_bays": []int{2, 1}}, "seal-replaced": {"replaced_bays": []int{1}},
		"seal-not-erased": {"not_erased": []string{"btrfs", "zfs"}},
		"seal-unchecked":  {"wrap_check": "unchecked"},
		"":                {"scan_complete": true, "read_back": "all", "wrap_check": "answered"},
	} {
		p, verdict := smallPlan(), VerdictClean
		if class == "seal-degraded" {
			p.notWritten, verdict = []byte{1}, VerdictRepairable
		}
		if class == "seal-replaced" {
			p.rebuilt = []int{1}
		}
		d := makeDevice(t, p)
		d.putAll("statements/seal.dsse", d.sealStatement(t, more))
		r := run(t, d.options())
		found, text := "", ""
		for _, f := range r.Findings {
			if len(f.Class) > 5 && f.Class[:5] == "seal-" {
				found, text = f.Class, f.Text
			}
		}
		if class == "seal-filesystems" && !strings.HasSuffix(text, "fuse, vfat") {
			t.Error(text)
		}
		if found != class || r.Verdict != verdict {
			t.Errorf("%q: found %q, verdict %v", class, found, r.Verdict)
		}
	}
}

// TestSealCounts: a statement that says other of bays and packs than its log is refused.
func TestSealCounts(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(p *plan)
		more    map[string]any
		refused bool
	}{
		"as they are":           {func(p *plan) { p.absent, p.notWritten = []int{3}, []byte{1} }, nil, false},
		"bays in another order": {func(p *plan) { p.absent = []int{2, 3} }, map[string]any{"absent_bays": []int{3, 2}}, false},
		"degraded, not in log":  {nil, map[string]any{"degraded_packs": 1}, true},
		"degraded, in log":      {func(p *plan) { p.notWritten = []byte{1} }, map[string]any{"degraded_packs": 0}, true},
		"no number":             {nil, map[string]any{"degraded_packs": nil}, true},
		"absent, not in log":    {nil, map[string]any{"absent_bays": []int{3}}, true},
		"absent, in log":        {func(p *plan) { p.absent = []int{3} }, map[string]any{"absent_bays": []int{}}, true},
		"another bay":           {func(p *plan) { p.absent = []int{3} }, map[string]any{"absent_bays": []int{2}}, true},
		"no such bay":           {nil, map[string]any{"absent_bays": []int{64}}, true},
		"no bays":               {nil, map[string]any{"absent_bays": nil}, true},
		"replaced":              {func(p *plan) { p.rebuilt = []int{1} }, map[string]any{"replaced_bays": []int{1}}, false},
		"replaced, not in log":  {nil, map[string]any{"replaced_bays": []int{1}}, true},
		"replaced, in log":      {func(p *plan) { p.rebuilt = []int{1} }, nil, true},
		"left, no such bay":     {nil, map[string]any{"left_bays": []int{-1}}, true},
		"recovery, none":        {nil, map[string]any{"recovery": "none"}, false},
		"recovery, of nobody":   {nil, map[string]any{"recovery": "post-quantum"}, true},
		"recovery":              {func(p *plan) { p.ageFile = ageHead + "--- mac\n" }, map[string]any{"recovery": "post-quantum"}, false},
		"recovery, unsaid":      {func(p *plan) { p.ageFile = ageHead + "--- mac\n" }, map[string]any{"recovery": "none"}, true},
		"unread":                {nil, map[string]any{"unread_packs": 6}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := smallPlan()
			if c.change != nil {
				c.change(&p)
			}
			d := makeDevice(t, p)
			d.putAll("statements/seal.dsse", d.sealStatement(t, c.more))
			r := run(t, d.options())
			if r.Has("statement-differs") != c.refused || (r.Verdict == VerdictRefused) != c.refused {
				t.Error(show(r))
			}
		})
	}
}
