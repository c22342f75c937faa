package main

import (
	"maps"
	"slices"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/manifest"
)

// leftOut notes, by kind, what the importer's own rules have left out. The job file whose
// policy counts is the one that is signed, so the kinds are known once all receipts are read.
func (c *acceptance) leftOut() error {
	for i := range c.r.Devices {
		r := &c.r.Devices[i]
		own := byRules(c.job.Policy, r.LeftOut)
		for _, kind := range slices.Sorted(maps.Keys(own)) {
			if err := c.open(&unproven{Kind: unprovenLeftOut, Name: kind, Device: r.Manifest.Device, Count: own[kind]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// byRules are the left-out entries, by kind, that the job's policy does not leave out.
func byRules(p manifest.JobPolicy, leftOut map[string]int64) map[string]int64 {
	agreed := map[string]bool{
		manifest.KindSymlink.String(): entry.Policy(p.Symlinks) == entry.PolicySkip,
		manifest.KindDir.String():     entry.Policy(p.Directories) == entry.PolicySkip,
	}
	own := map[string]int64{}
	for kind, n := range leftOut {
		if !agreed[kind] {
			own[kind] = n
		}
	}
	return own
}
