package acceptance

import (
	"maps"
	"slices"

	"github.com/sledge-io/sledge/manifest"
)

// leftOut notes, by kind, what the importer's own rules have left out. The job file whose
// policy counts is the one that is signed, so the kinds are known once all receipts are read.
func (a *accepting) leftOut() error {
	for i := range a.r.Devices {
		r := &a.r.Devices[i]
		own := byRules(a.job.Policy, r.LeftOut)
		for _, kind := range slices.Sorted(maps.Keys(own)) {
			if err := a.open(&Unproven{Kind: KindLeftOut, Name: kind, Device: r.Manifest.Device, Count: own[kind]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// policySkip is the job's word for what becomes nothing in the target.
const policySkip = "skip"

// byRules are the left-out entries, by kind, that the job's policy does not leave out.
func byRules(p manifest.JobPolicy, leftOut map[string]int64) map[string]int64 {
	agreed := map[string]bool{
		manifest.KindSymlink.String(): p.Symlinks == policySkip,
		manifest.KindDir.String():     p.Directories == policySkip,
	}
	own := map[string]int64{}
	for kind, n := range leftOut {
		if !agreed[kind] {
			own[kind] = n
		}
	}
	return own
}
