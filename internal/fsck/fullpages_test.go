package fsck

import "testing"

// TestReceiptsOfFullPages: a page of 1,024 records is taken from objects.list, and one of
// 1,025 is not, though its root fits.
func TestReceiptsOfFullPages(t *testing.T) {
	for n, want := range map[int]string{1024: "", 1025: "list-incomplete"} {
		class := ""
		for _, f := range (receiptCase{plan: func(p *plan) { p.records = n }}).report(t).Findings {
			if f.Severity == Fatal {
				class = f.Class
			}
		}
		if class != want {
			t.Errorf("%d records: %s, want %q", n, class, want)
		}
	}
}
