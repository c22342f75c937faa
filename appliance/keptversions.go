package appliance

import (
	"context"
	"slices"
)

// markKept says of each entry that could not be loaded whether the device has an older
// version. The scan list cannot: a folder that could not be looked at has another order
// key there than on the device. Where the journal cannot be read, what the list says
// stands.
func (d *Device) markKept(report *LoadReport) {
	if !slices.ContainsFunc(report.Skipped, func(s SkippedEntry) bool { return !s.Kept }) {
		return
	}
	skipped := map[string]bool{}
	for _, s := range report.Skipped {
		skipped[s.Path] = false
	}
	err := d.Holdings(context.Background(), func(h Holding) error {
		if _, asked := skipped[h.Path]; asked && (h.State == HoldingSafe || h.State == HoldingRemarked) {
			skipped[h.Path] = true
		}
		return nil
	})
	if err != nil {
		return
	}
	for i := range report.Skipped {
		report.Skipped[i].Kept = skipped[report.Skipped[i].Path]
	}
}
