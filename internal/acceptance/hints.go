package acceptance

import "slices"

// waiverHints say, for each kind of what is neither proven nor waived, what mends it and
// the flag that waives it. The list of waivers takes every kind.
func waiverHints(open []*Unproven) (hints []string) {
	for _, kind := range kinds {
		if slices.ContainsFunc(open, func(u *Unproven) bool { return u.Kind == kind }) {
			hints = append(hints, kind+": "+waiverHint(kind))
		}
	}
	return append(hints, "or write a list (--list FILE), strike the lines that you do not accept, and give it back: --waivers FILE")
}

func waiverHint(kind string) string {
	switch kind {
	case KindDifference:
		return "find out first why source scan, manifest and target do not agree; then waive it by its text: --waive-difference TEXT"
	case KindTarget:
		return "import into the job's target; or, if the objects belong there, waive it: --waive-target URL"
	case KindLabel:
		return "give the device's label: --label FILE; or, if there is none any more, waive it: --waive-label DEVICE"
	case KindDevice:
		return "import the device and give its receipts, too; or waive it: --waive-device DEVICE"
	case KindLeftOut:
		return "import without the rule that left these out, with a new --run-id; or waive the kind: --waive-left-out KIND"
	}
	return "the same sledge import run tries again what failed; what the loader skipped comes with another load; or waive it by its name: --waive PATH"
}
