package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// room is what a run takes at its peak.
type room struct{ memory, tmpfs, disk int64 }

// neededRoom adds up the sets in the page cache, what the largest contest keeps in
// memory or on the disk, and some gibibytes for the programs and what is put aside.
func neededRoom(contests []*contest, wanted map[string]map[string]bool, sets map[string]*dataset, quick bool) room {
	var r room
	all := map[string]int64{}
	for _, c := range contests {
		if len(wanted[c.name]) == 0 {
			continue
		}
		size := sets[c.set].space
		files := int64(c.tmpfs * float64(size))
		r.memory, r.tmpfs = max(r.memory, size+files), max(r.tmpfs, files)
		r.disk = max(r.disk, int64(c.disk*float64(size)))
		all[c.set] = size
		if bounded(wanted[c.name]) {
			large := sets["large"].space
			all["large"], all["small"] = large, sets["small"].space
			r.memory, r.disk = max(r.memory, large), max(r.disk, int64(spread*float64(large)))
			r.tmpfs = max(r.tmpfs, cores*writeFiles*writeSpan)
		}
	}
	for _, size := range all {
		r.disk += size
	}
	r.memory += 1 << 30
	r.disk += 5 << 30
	if quick {
		r.disk -= 4 << 30
	}
	return r
}

// bounded tells whether a bound is among the sides: bounds have files of their own.
func bounded(sides map[string]bool) bool {
	for name := range sides {
		if strings.HasPrefix(name, "bound") {
			return true
		}
	}
	return false
}

// checkRoom refuses to start where memory or disk would run out on the way.
func checkRoom(contests []*contest, wanted map[string]map[string]bool, sets map[string]*dataset, o options) error {
	r := neededRoom(contests, wanted, sets, o.quick)
	var problems []string
	need := func(what string, want, have int64) {
		if have < want {
			problems = append(problems, fmt.Sprintf("%s: needs %s, has %s", what, gib(want), gib(have)))
		}
	}
	need("memory", r.memory, memory("MemAvailable"))
	need("room in "+o.tmpfs, r.tmpfs, free(o.tmpfs))
	need("room on the disk of "+o.work, r.disk, free(existing(o.work)))
	if len(problems) == 0 {
		return nil
	}
	hint := "hint: make bench-quick takes small sets; --rows takes some rows; --work and --tmpfs name other folders"
	if o.quick {
		hint = "hint: --rows takes some rows; --work and --tmpfs name other folders"
	}
	return fmt.Errorf("this machine has too little room\n%s\n%s", strings.Join(problems, "\n"), hint)
}

func gib(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// existing is the nearest folder above that is there.
func existing(dir string) string {
	for dir, err := filepath.Abs(dir); err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == "/" {
			return dir
		}
	}
	return dir
}
