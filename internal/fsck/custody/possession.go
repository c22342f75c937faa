package custody

// possession follows who signed for the device, and names the gaps: times in which nobody did.
func (v *verifier) possession() {
	transit := -1 // entry of the hand-over that nobody has answered yet
	sealed := -1
	for i, e := range v.entries {
		switch e.Kind {
		case "handed-over":
			if transit >= 0 {
				v.gap(transit, i, "two hand-overs without an arrival")
			}
			transit = i
			if next, err := e.next(); err == nil && next == nil {
				v.find(Gap, "12.4", "entry %d: handed over, not countersigned, to %s (waybill %s)", i, orNone(e.text("to_name")), orNone(e.text("waybill")))
			}
		case "arrived":
			if transit < 0 {
				v.gap(max(i-1, 0), i, "an arrival without a hand-over")
			}
			transit = -1
		case "in-transit", "exception":
		case "sealed":
			sealed = i
		case "import-run":
			if !v.arrivedAfter(sealed, i) {
				v.gap(max(sealed, 0), i, "an import before an arrival")
			} else if transit >= 0 {
				v.gap(transit, i, "an import, and no arrival after the last hand-over")
			}
			transit = -1
		default:
			if transit >= 0 && v.entries[transit].KeyID != e.KeyID {
				v.gap(transit, i, "no arrival after the hand-over")
				transit = -1
			}
		}
		if e.Kind == "exception" {
			v.find(Exceptional, "12.2", "entry %d: exception: %s; %s", i, orNone(e.text("kind")), orNone(e.Note))
		}
	}
}

// arrivedAfter tells whether the device has arrived between two entries.
func (v *verifier) arrivedAfter(from, to int) bool {
	for i := max(from, 0); i < to; i++ {
		if v.entries[i].Kind == "arrived" {
			return true
		}
	}
	return false
}

func (v *verifier) gap(i, j int, what string) {
	v.find(Gap, "12.5", "gap between entries %d and %d, %s: %s", i, j, hours(v.entries[i].Time, v.entries[j].Time), what)
}

func orNone(s string) string {
	if s == "" {
		return "not said"
	}
	return s
}
