package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// row compares two sides of a contest, or holds peaks against a limit.
type row struct {
	name    string
	contest string
	ours    string
	peer    string
	unit    unit
	goal    float64 // of the median ratio; 0: only reported

	peaks []string // "contest/side": the row is their peak memory…
	limit int64    // …in bytes
}

// allRows is the goals table, and what is reported beside it. A row's name says
// what is measured and, after the colon, beside what.
func allRows() []row {
	vs := func(name, contest, ours string, u unit, peers ...any) (rows []row) {
		for i := 0; i < len(peers); i += 2 {
			label, peer, _ := strings.Cut(peers[i].(string), "=")
			if peer == "" {
				peer = label
			}
			rows = append(rows, row{name: name + ":" + label, contest: contest, ours: ours, peer: peer, unit: u, goal: peers[i+1].(float64)})
		}
		return rows
	}
	var rows []row
	add := func(more []row) { rows = append(rows, more...) }
	add(vs("load-large-tmpfs-parts", "load-large-tmpfs", "parts", mbps, "roofline=bound-parts", 0.90, "roofline-overwrite=bound-parts-overwrite", 0.0, "tar-age", 1.2, "kopia", 2.0, "kopia-ecc", 5.0, "restic", 3.0, "minio", 2.7, "kopia-fixed", 0.0, "rclone-crypt", 0.0, "cp", 0.0))
	add(vs("load-large-tmpfs-whole", "load-large-tmpfs", "whole", mbps, "roofline=bound-whole", 0.90, "roofline-overwrite=bound-whole-overwrite", 0.0, "tar-age", 0.95))
	add(vs("load-large-disk-parts", "load-large-disk", "parts", mbps, "roofline=bound-parts", 0.90, "tar-age", 1.5, "restic", 0.0, "kopia", 0.0))
	add(vs("load-large-disk-whole", "load-large-disk", "whole", mbps, "roofline=bound-whole", 0.90, "tar-age", 1.2))
	// All shards on one disk, beside its source; then on a disk each, for which memory stands in.
	add(vs("load-read-back-disk", "load-large-disk", "parts-read-back", mbps, "no-read-back=parts", 1/1.35))
	add(vs("load-read-back-tmpfs", "load-large-tmpfs", "parts-read-back", mbps, "no-read-back=parts", 1/1.15))
	add(vs("load-small", "load-small", "load", filesps, "tar-age", 1.0, "restic", 5.0, "kopia", 5.0, "rclone-crypt", 0.0, "cp", 0.0, "open-read-hash=bound", 0.0))
	add(vs("load-mix", "load-mix", "load", mbps, "tar-age", 1.0, "kopia", 1.8, "restic", 3.4))
	add(vs("again-small", "again-small", "load", filesps, "restic", 1.0))
	add(vs("parity-sample", "parity-sample", "load", mbps, "par2", 0.0))
	add(vs("verify-large", "sealed-large", "verify", mbps, "roofline=bound-scrub", 0.90))
	add(vs("rebuild-large", "sealed-large", "rebuild", readMBps, "verify", 0.8))
	add(vs("rebuild-large-payload", "sealed-large", "rebuild", mbps, "roofline=bound-rebuild", 0.90))
	add(vs("extract-large", "sealed-large", "extract", mbps, "load", 0.8))
	add(vs("extract-large-lost2", "sealed-large", "extract-lost2", mbps, "load", 0.8, "extract", 0.8))
	add(vs("import-large", "import-large", "import", mbps, "bare", 0.9, "s5cmd", 1.3, "bare-head", 0.0, "aws", 1.1, "rclone", 0.0))
	for _, set := range []string{"few", "mix"} {
		name := "import-" + strings.Replace(set, "few", "small", 1)
		add(vs(name, "import-"+set, "import", filesps, "bare", 0.9, "s5cmd", map[string]float64{"few": 1.3, "mix": 1.0}[set], "bare-head", 0.0, "aws", 0.0, "rclone", 0.0))
	}
	add(vs("import-large-lost2", "import-large", "import-lost2", mbps, "import", 0.8))
	add(vs("import-mix-lost2", "import-mix", "import-lost2", filesps, "import", 0.8))
	for _, set := range []string{"large", "few", "mix"} {
		u, name := filesps, strings.Replace(set, "few", "small", 1)
		if set == "large" {
			u = mbps
		}
		add(vs("import-"+name+"-minio", "minio-"+set, "import", u, "bare", 0.0, "bare-head", 0.0, "s5cmd", 0.0))
		add(vs("sink-"+name, "sink-"+set, "import", u, "bare", 0.0))
		add(vs("sink-"+name+"-lost2", "sink-"+set, "import-lost2", u, "import", 0.0))
	}
	add(slowRows(vs))
	peak := func(name string, limit int64, sides ...string) {
		rows = append(rows, row{name: "memory-" + name, peaks: sides, limit: limit * mib, goal: 1})
	}
	peak("load", 256, "load-large-tmpfs/parts", "load-large-tmpfs/whole", "load-large-tmpfs/parts-read-back", "load-large-disk/parts-read-back", "load-large-disk/parts", "load-large-disk/whole", "load-small/load", "load-mix/load", "again-small/load", "source-1ms/load", "disks-hard/load", "disks-one-slow/load")
	peak("verify", 256, "sealed-large/verify")
	peak("rebuild", 256, "sealed-large/rebuild")
	peak("extract", 256, "sealed-large/extract", "sealed-large/extract-lost2")
	peak("import", 512, "import-large/import", "import-few/import", "import-mix/import", "sink-large/import", "sink-few/import", "sink-mix/import", "store-50ms/import", "store-150ms/import", "store-150ms-large/import", "store-50ms-25mb-large/import", "store-50ms-closing/import")
	peak("import-lost2", 512, "import-large/import-lost2", "import-mix/import-lost2", "sink-large/import-lost2", "sink-few/import-lost2", "sink-mix/import-lost2")
	peak("import-parts", 512, "sink-large/import-parts")
	peak("import-crowd", 512, "sink-large/import-crowd", "sink-few/import-crowd", "sink-mix/import-crowd")
	peak("import-parallel", 512, "sink-fleet/import", "sink-fleet/import-lost2")
	return rows
}

// slowRows are sources and stores that answer late, and slow disks.
func slowRows(vs func(name, contest, ours string, u unit, peers ...any) []row) (rows []row) {
	add := func(more []row) { rows = append(rows, more...) }
	add(vs("source-02ms", "source-02ms", "load", filesps, "tar", 0.0, "restic=restic-wide", 0.0, "rclone=rclone-wide", 0.0, "cp", 0.0, "near=load-near", 0.0))
	add(vs("source-1ms", "source-1ms", "load", filesps, "tar", 20.0, "restic=restic-wide", 20.0, "rclone=rclone-wide", 2.0, "cp", 0.0, "near=load-near", 0.7))
	add(vs("source-5ms", "source-5ms", "load", filesps, "tar", 50.0, "restic=restic-wide", 0.0, "rclone=rclone-wide", 0.0, "cp", 0.0, "near=load-near", 0.0))
	for _, call := range []string{"02ms", "1ms", "5ms"} {
		goal := 0.0
		if call == "1ms" {
			goal = 10
		}
		add(vs("scan-"+call, "source-"+call, "scan", filesps, "find", goal))
	}
	add(vs("disks-hard", "disks-hard", "load", mbps, "sequential", 0.85))
	add(vs("disks-one-slow", "disks-one-slow", "load", mbps, "sequential", 0.9))
	add(vs("disks-hard-verify", "disks-hard-reads", "verify", mbps, "sequential", 0.0))
	add(vs("disks-hard-extract", "disks-hard-reads", "extract", mbps, "sequential", 0.0))
	for _, trip := range []string{"1ms", "20ms", "50ms", "150ms", "50ms-closing"} {
		default_, best, few := 1.5, 1.1, 0.8
		if trip == "1ms" {
			default_, best, few = 0, 0, 0
		}
		name := "store-" + trip
		add(vs(name, name, "import", filesps, "s5cmd", default_, "s5cmd-best", best))
		add(vs(name+"-2000", name+"-2000", "import", filesps, "s5cmd", few, "s5cmd-best", 0.0))
	}
	add(vs("store-50ms", "store-50ms", "import", filesps, "aws", 0.0))
	for _, trip := range []string{"20ms", "50ms", "150ms"} {
		add(vs("store-"+trip+"-large", "store-"+trip+"-large", "import", mbps, "s5cmd", 0.0))
	}
	add(vs("store-50ms-25mb-large", "store-50ms-25mb-large", "import", mbps, "s5cmd", 1.2, "near=import-near", 0.9))
	return rows
}

func selectRows(rows []row, match *regexp.Regexp) []row {
	if match == nil {
		return rows
	}
	var chosen []row
	for _, r := range rows {
		if match.MatchString(r.name) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// wantedSides are those that the rows compare, by contest and name. A quick run
// leaves out sides that are not its own, unless rows were asked for by name.
func wantedSides(rows []row, contests []*contest, o options) map[string]map[string]bool {
	wanted := map[string]map[string]bool{}
	for _, c := range contests {
		wanted[c.name] = map[string]bool{}
		for _, s := range c.sides {
			if s.full && o.quick && o.rows == nil {
				continue
			}
			for _, r := range rows {
				if r.uses(c.name, s.name) {
					wanted[c.name][s.name] = true
				}
			}
		}
	}
	return wanted
}

func (r row) uses(contest, side string) bool {
	for _, p := range r.peaks {
		if p == contest+"/"+side {
			return true
		}
	}
	return r.contest == contest && (r.ours == side || r.peer == side)
}

// complete are the rows whose sides take part in this run.
func complete(rows []row, wanted map[string]map[string]bool) []row {
	var kept []row
	for _, r := range rows {
		if r.limit > 0 || wanted[r.contest][r.ours] && wanted[r.contest][r.peer] {
			kept = append(kept, r)
		}
	}
	return kept
}

// wantsBounds tells whether a row is about the machine's own limits.
func wantsBounds(rows []row) bool {
	for _, r := range rows {
		if strings.HasPrefix(r.peer, "bound") {
			return true
		}
	}
	return false
}

func listRows(out io.Writer, o options) error {
	for _, r := range selectRows(allRows(), o.rows) {
		goal := "reported"
		switch {
		case r.limit > 0:
			goal = fmt.Sprintf("at most %d MiB", r.limit/mib)
		case r.goal > 0:
			goal = fmt.Sprintf("at least %.2f", r.goal)
		}
		if _, err := fmt.Fprintf(out, "%-40s %s\n", r.name, goal); err != nil {
			return err
		}
	}
	return nil
}
