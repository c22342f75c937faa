package main

import (
	"regexp"
	"strings"
	"testing"
)

func newTestBench(quick bool) *bench {
	b := &bench{opts: options{quick: quick, pairs: 1}, sets: datasets(quick)}
	b.bounds = newBounds(b)
	return b
}

// TestRowsHaveSides finds what every row compares.
func TestRowsHaveSides(t *testing.T) {
	b := newTestBench(false)
	sides := map[string]bool{}
	for _, c := range b.contests() {
		if b.sets[c.set] == nil {
			t.Errorf("%s: no set %q", c.name, c.set)
		}
		for _, s := range c.sides {
			if sides[c.name+"/"+s.name] {
				t.Errorf("%s has two sides %s", c.name, s.name)
			}
			sides[c.name+"/"+s.name] = true
			if s.how == "" {
				t.Errorf("%s/%s does not say what is run", c.name, s.name)
			}
		}
	}
	names := map[string]bool{}
	for _, r := range allRows() {
		if names[r.name] {
			t.Errorf("two rows %s", r.name)
		}
		names[r.name] = true
		need := r.peaks
		if r.limit == 0 {
			need = []string{r.contest + "/" + r.ours, r.contest + "/" + r.peer}
		}
		for _, side := range need {
			if !sides[side] {
				t.Errorf("%s: no side %s", r.name, side)
			}
		}
	}
}

// TestSelection runs no side that no chosen row needs, and in a quick run leaves
// out what only a full one has, unless it is asked for.
func TestSelection(t *testing.T) {
	choose := func(quick bool, match string) map[string]map[string]bool {
		b := newTestBench(quick)
		if match != "" {
			b.opts.rows = regexp.MustCompile(match)
		}
		return wantedSides(selectRows(allRows(), b.opts.rows), b.contests(), b.opts)
	}
	w := choose(true, "^load-large-tmpfs-parts:minio")
	if got := w["load-large-tmpfs"]; len(got) != 2 || !got["parts"] || !got["minio"] {
		t.Errorf("%v", got)
	}
	if len(w["load-small"]) > 0 {
		t.Errorf("%v", w["load-small"])
	}
	if choose(true, "")["load-large-tmpfs"]["minio"] {
		t.Error("a quick run has MinIO")
	}
	if w := choose(true, "")["sink-few"]; w["import-crowd"] || !w["import"] {
		t.Errorf("a quick run has %v", w)
	}
	if !choose(false, "")["load-large-tmpfs"]["minio"] {
		t.Error("a full run has no MinIO")
	}
}

// played is a contest that was run, with these rates of its sides in MB/s.
func played(sides map[string][]float64) *contest {
	c := &contest{name: "test"}
	for name, rates := range sides {
		s := &side{name: name}
		for _, r := range rates {
			s.samples = append(s.samples, sample{usage: usage{Wall: 1, RSS: int64(r) * mib}, Bytes: int64(r * 1e6)})
		}
		c.sides = append(c.sides, s)
	}
	return c
}

func TestGoals(t *testing.T) {
	c := played(map[string][]float64{"ours": {90, 95, 100}, "peer": {100, 100, 50}, "none": nil})
	c.side("none").skipped = "no program none"
	rows := []row{
		{name: "close", contest: "test", ours: "ours", peer: "peer", unit: mbps, goal: 0.95},
		{name: "missed", contest: "test", ours: "ours", peer: "peer", unit: mbps, goal: 0.96},
		{name: "reported", contest: "test", ours: "ours", peer: "peer", unit: mbps},
		{name: "absent", contest: "test", ours: "ours", peer: "none", unit: mbps, goal: 1},
		{name: "fits", peaks: []string{"test/ours"}, limit: 100 * mib, goal: 1},
		{name: "too-much", peaks: []string{"test/ours"}, limit: 99 * mib, goal: 1},
	}
	want := map[string]string{"close": "yes", "missed": "NO", "reported": "", "absent": "no program none", "fits": "yes", "too-much": "NO"}
	for _, r := range judge(rows, []*contest{c}) {
		cells := r.cells()
		if got := cells[len(cells)-1]; got != want[r.Name] {
			t.Errorf("%s: %q, not %q (%v)", r.Name, got, want[r.Name], cells)
		}
		if r.Name == "close" && r.Ratio != (stat{0.95, 0.9, 2}) {
			t.Errorf("ratio %v", r.Ratio)
		}
	}
}

// TestRoom says what is missing, and what to do instead.
func TestRoom(t *testing.T) {
	b := newTestBench(false)
	b.sets["large"].space = 1 << 60
	b.opts.work, b.opts.tmpfs = t.TempDir(), t.TempDir()
	contests := b.contests()
	err := checkRoom(contests, wantedSides(allRows(), contests, b.opts), b.sets, b.opts)
	if err == nil {
		t.Fatal("there is room for an exbibyte")
	}
	for _, want := range []string{"memory: needs", "room on the disk", "has ", "make bench-quick"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// TestRoomOfBounds counts what the bounds write, also where no row writes to the
// disk.
func TestRoomOfBounds(t *testing.T) {
	b := newTestBench(false)
	b.sets["small"].space = mib
	contests := b.contests()
	with := neededRoom(contests, map[string]map[string]bool{"load-small": {"load": true, "bound": true}}, b.sets, false)
	without := neededRoom(contests, map[string]map[string]bool{"load-small": {"load": true}}, b.sets, false)
	if with.tmpfs < 352*mib {
		t.Errorf("the bounds' files in memory count %d bytes", with.tmpfs)
	}
	if more := with.disk - without.disk; more < 9<<30 {
		t.Errorf("the bounds' own files count %d bytes", more)
	}
}
