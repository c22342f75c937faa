package manifest

import (
	"strings"
	"testing"
)

// TestReasonIsShort: a reason code has at most 64 bytes, as the keyless verifier demands.
func TestReasonIsShort(t *testing.T) {
	for n, ok := range map[int]bool{64: true, 65: false} {
		reason := strings.Repeat("r", n)
		if _, err := (&Record{Kind: KindSkipped, Path: "a", Reason: reason}).Encode(); (err == nil) != ok {
			t.Errorf("skipped, %d bytes: %v", n, err)
		}
		if _, err := (&Record{Kind: KindDir, Path: "a", Remark: reason}).Encode(); (err == nil) != ok {
			t.Errorf("remark, %d bytes: %v", n, err)
		}
	}
}
