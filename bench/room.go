package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// checkRoom refuses to start where memory or disk would run out on the way: the
// sets in the page cache, what the largest contest keeps in memory, and a
// gibibyte for the programs.
func checkRoom(contests []*contest, wanted map[string]map[string]bool, sets map[string]*dataset, o options) error {
	var mem, inTmpfs, onDisk, all int64
	seen := map[string]bool{}
	for _, c := range contests {
		if len(wanted[c.name]) == 0 {
			continue
		}
		size := sets[c.set].space
		files := int64(c.tmpfs * float64(size))
		mem, inTmpfs = max(mem, size+files), max(inTmpfs, files)
		onDisk = max(onDisk, int64(c.disk*float64(size)))
		if !seen[c.set] {
			seen[c.set] = true
			all += size
		}
	}
	mem += 1 << 30
	onDisk += all + 5<<30
	if o.quick {
		onDisk -= 4 << 30
	}
	var problems []string
	need := func(what string, want, have int64) {
		if have < want {
			problems = append(problems, fmt.Sprintf("%s: needs %s, has %s", what, gib(want), gib(have)))
		}
	}
	need("memory", mem, memory("MemAvailable"))
	need("room in "+o.tmpfs, inTmpfs, free(o.tmpfs))
	need("room on the disk of "+o.work, onDisk, free(existing(o.work)))
	if len(problems) == 0 {
		return nil
	}
	hint := "hint: make bench-quick takes small sets; --rows takes some rows; --work and --tmpfs name other folders"
	if o.quick {
		hint = "hint: --work and --tmpfs name other folders"
	}
	return fmt.Errorf("this machine has too little room\n%s\n%s", strings.Join(problems, "\n"), hint)
}

func gib(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// existing is the nearest folder above that is there.
func existing(dir string) string {
	for dir, err := filepath.Abs(dir); err == nil; dir = filepath.Dir(dir) {
		if free(dir) > 0 || dir == "/" {
			return dir
		}
	}
	return dir
}
