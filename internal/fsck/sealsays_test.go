package fsck

import (
	"strings"
	"testing"
)

// TestSealSays: what the seal statement confesses is a note, and changes no verdict.
func TestSealSays(t *testing.T) {
	for class, more := range map[string]map[string]any{
		"seal-incomplete": {"scan_complete": false}, "seal-degraded": {"degraded_packs": 2}, "seal-unread": {"read_back": "partly", "unread_packs": 1},
		"seal-shared": {"shared_disks": true}, "seal-filesystems": {"filesystems": []string{"fuse", "vfat"}},
		"": {"scan_complete": true, "read_back": "all"},
	} {
		d := makeDevice(t, smallPlan())
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
		if found != class || r.Verdict != VerdictClean {
			t.Errorf("%q: found %q, verdict %v", class, found, r.Verdict)
		}
	}
}
