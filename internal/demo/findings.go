package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/simulator"
)

// finding is one line of what "verify disks" found.
type finding struct {
	Severity, Class, Disk, Pack, Text string

	Bay, Shard  *int
	FirstStripe *int64 `json:"first_stripe"`
	LastStripe  *int64 `json:"last_stripe"`

	explained bool
}

type verified struct {
	Origin, Verdict string
	Findings        []*finding
}

// verifyDisks checks the disks without a key, and compares what it names with
// what the carrier did: all of that, and nothing else.
func (d *demo) verifyDisks(role string) func(context.Context) (told, error) {
	return func(ctx context.Context) (told, error) {
		var r verified
		c := d.verify("disks").into(&r, exitDamage)
		c.role = role
		if _, err := d.sledge(ctx, c); err != nil {
			return told{}, err
		}
		if r.Origin != "proven" || r.Verdict != "repairable" {
			return told{}, fmt.Errorf("origin %s, verdict %s; the damage is repairable and the origin known", r.Origin, r.Verdict)
		}
		named, err := compareFindings(r.Findings, d.carrier.Done(), d.disks)
		return sayf("without a key: all %d damages named, nothing else found, origin proven", named).of(d.source.bytes), err
	}
}

// compareFindings holds the findings against the truth. Every damage must be
// named by a finding, and every finding must come from a damage.
func compareFindings(findings []*finding, done []simulator.Damage, disks []*simulator.Disk) (int, error) {
	var errs []error
	for _, x := range done {
		if !explain(findings, x, disks) {
			errs = append(errs, fmt.Errorf("not named: %s", x))
		}
	}
	for _, f := range findings {
		if !f.explained && f.Severity != "note" {
			errs = append(errs, fmt.Errorf("found, but not done: %s %s: %s", f.Severity, f.Class, f.Text))
		}
	}
	return len(done), errors.Join(errs...)
}

// explain marks the findings that a damage brings about, and tells whether those
// that name it are among them.
func explain(findings []*finding, x simulator.Damage, disks []*simulator.Disk) bool {
	named := false
	for _, f := range findings {
		names, belongs := matches(x, f, disks)
		f.explained = f.explained || names || belongs
		named = named || names
	}
	return named
}

// matches tells whether a finding names a damage, and whether it may come of it.
func matches(x simulator.Damage, f *finding, disks []*simulator.Disk) (names, belongs bool) {
	if x.Kind == simulator.DiskLost {
		bay := slices.IndexFunc(disks, func(d *simulator.Disk) bool { return d.Name == x.Disk })
		return f.Class == "disk-missing" && f.Bay != nil && *f.Bay == bay, false
	}
	if filepath.Base(f.Disk) != x.Disk {
		return false, false
	}
	switch x.Kind {
	case simulator.Stale:
		if x.File == "sledge/journal" {
			return f.Class == "leftover" && strings.Contains(f.Text, "journal/"), false
		}
		return f.Class == "checkpoint-copy-missing", strings.HasPrefix(f.Class, "log-copy-")
	case simulator.Rot, simulator.Replaced:
		id, number, ok := simulator.ParseShard(x.File)
		if !ok || f.Pack != id || f.Shard == nil || *f.Shard != number {
			return false, false
		}
		odd := f.Class == "shard-misplaced" || f.Class == "shard-length"
		if f.Class != "block-bad" || f.FirstStripe == nil || f.LastStripe == nil {
			return false, odd && x.Kind == simulator.Replaced
		}
		first, last := x.Offset/blockSize, (x.Offset+x.Length-1)/blockSize
		// A shard that is too short now has no blocks at its end.
		covers := *f.FirstStripe <= first && (*f.LastStripe >= last || x.Kind == simulator.Replaced)
		return covers, true
	}
	return false, false
}
