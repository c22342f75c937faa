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
	Severity    string `json:"severity"`
	Class       string `json:"class"`
	Disk        string `json:"disk"`
	Bay         *int   `json:"bay"`
	Pack        string `json:"pack"`
	Shard       *int   `json:"shard"`
	FirstStripe *int64 `json:"first_stripe"`
	LastStripe  *int64 `json:"last_stripe"`
	Text        string `json:"text"`

	explained bool
}

type verified struct {
	Origin    string     `json:"origin"`
	Verdict   string     `json:"verdict"`
	Packs     int64      `json:"packs"`
	BlocksBad int64      `json:"blocks_bad"`
	BytesRead int64      `json:"bytes_read"`
	Findings  []*finding `json:"findings"`
}

// verifyArrived checks the disks without a key, and compares what it names with
// what the carrier did: all of that, and nothing else.
func (d *demo) verifyArrived(ctx context.Context) error {
	return d.stage("verify disks", func() (told, error) {
		return d.verifyDisks(ctx, "anyone")
	})
}

func (d *demo) verifyDisks(ctx context.Context, role string) (told, error) {
	var r verified
	_, err := d.sledge(ctx, call{role: role, allow: []int{exitDamage}, result: &r,
		args: []string{"verify", "disks", "--trust", d.path("auditor", "signer.pub"), "--label", d.label(), "--disk", d.allDisks()}})
	if err != nil {
		return told{}, err
	}
	if r.Origin != "proven" || r.Verdict != "repairable" {
		return told{}, fmt.Errorf("origin %s, verdict %s; the damage is repairable and the origin known", r.Origin, r.Verdict)
	}
	named, err := compareFindings(r.Findings, d.carrier.Done(), d.disks)
	return told{bytes: d.source.bytes, text: fmt.Sprintf("without a key: all %d damages named, nothing else found, origin proven", named)}, err
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
		id, number, ok := parseShard(x.File)
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

func parseShard(file string) (id string, number int, ok bool) {
	match := shardName.FindStringSubmatch(filepath.Base(file))
	if match == nil {
		return "", 0, false
	}
	_, err := fmt.Sscanf(match[2], "%d", &number)
	return match[1], number, err == nil
}
