package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/liar"
	"github.com/sledge-io/sledge/manifest"
)

// answers runs a verb with --json and gives its result.
func (f *field) answers(want int, args ...string) (result map[string]any) {
	f.t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		f.t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	a := &app{in: in, out: &out, err: io.Discard, now: f.clock, ctx: f.t.Context()}
	root := a.root()
	root.SetArgs(append(args, "--json"))
	if _, err := root.ExecuteContextC(f.t.Context()); err != nil {
		f.t.Fatalf("sledge %v: %v", args, err)
	}
	var answer struct{ Result map[string]any }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil || a.code != want {
		f.t.Fatalf("sledge %v: exit %d: %v: %s", args, a.code, err, &out)
	}
	return answer.Result
}

// longDevice adds to a sealed device a directory and a file whose records have continuations,
// a file that is one hole, a link and an entry that was skipped.
func (f *field) longDevice(label []byte, keys liar.Keys) (told []byte) {
	f.t.Helper()
	d, err := liar.Open([]string{"bay0", "bay1", "bay2"}, label, keys)
	if err != nil {
		f.t.Fatal(err)
	}
	records, when := d.Records(), time.Unix(1_700_000_000, 0)
	var many []manifest.Xattr
	for i := range 40 {
		many = append(many, manifest.Xattr{Name: fmt.Sprintf("user.%02d", i), Value: bytes.Repeat([]byte{byte(i)}, 4000)})
	}
	zeros := manifest.Record{Kind: manifest.KindFile, Size: 1 << 20, Mode: 0o600, Mtime: when,
		Extents: []manifest.Extent{{Length: 1 << 20, Hole: true}}}
	digest := sha256.Sum256(make([]byte, 1<<20))
	zeros.SHA256 = digest[:]
	hole, long := zeros, zeros
	hole.Path, long.Path, long.Xattrs = "zz-hole", "zz-long", many
	for _, r := range []*manifest.Record{
		{Kind: manifest.KindDir, Path: "zz-dir", Mode: 0o700, Mtime: when, Xattrs: many}, &hole, &long,
		{Kind: manifest.KindSkipped, Path: "zz-skip", Reason: "special"},
		{Kind: manifest.KindSymlink, Path: "zz-slink", Target: "a", Size: 1, Mtime: when},
	} {
		raws, err := r.Encode()
		if err != nil {
			f.t.Fatal(err)
		}
		if len(r.Xattrs) > 0 && len(raws) < 3 {
			f.t.Fatalf("%s has %d records", r.Path, len(raws))
		}
		records = append(records, raws...)
		d.Totals.Count(r, len(raws))
		d.Totals.ScanEntries++
		d.Totals.ScanBytes += uint64(r.DataLength())
	}
	d.Repage(records, 3)
	if told, err = d.Write(); err != nil {
		f.t.Fatal(err)
	}
	return told
}

// outcomesOf are the counts in a text for people.
func outcomesOf(text string) map[string]float64 {
	counts := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^  (stored|already-there|no-object|skipped|failed|conflict) +([0-9]+)$`).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseFloat(m[2], 64)
		counts[m[1]] += n
	}
	return counts
}

// TestOneCount: plan, run, status, report, verify and accept count the same entries, whatever
// number of records and lines an entry has.
func TestOneCount(t *testing.T) {
	f, label, keys := sealedField(t)
	_, to := f.realStore()
	f.write("h.label", string(f.longDevice(label, keys)))
	f.write("rules.json", `{"version": 1, "symlinks": "skip", "directories": "skip"}`)
	with := []string{"--site", "site", "--label", "h.label"}
	want := map[string]float64{"stored": 9, "no-object": 4, "skipped": 1}
	leftOut := map[string]any{"directory": 3.0, "symlink": 1.0}
	run := slices.Concat(with, to, []string{"--rules", "rules.json"})
	check := func(who string, outcomes, left any) {
		t.Helper()
		got := map[string]float64{}
		for o, n := range outcomes.(map[string]any) {
			if n != 0.0 {
				got[o] = n.(float64)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s counts %v, want %v", who, got, want)
		}
		if left != nil && !maps.Equal(left.(map[string]any), leftOut) {
			t.Errorf("%s left out %v, want %v", who, left, leftOut)
		}
	}
	text := func(who, says string) {
		t.Helper()
		if got := outcomesOf(says); !maps.Equal(got, want) {
			t.Errorf("%s tells %v, want %v: %s", who, got, want, says)
		}
	}
	planArgs := slices.DeleteFunc(slices.Concat([]string{"import", "plan"}, run), func(s string) bool { return s == "--halt-wait" || s == "0" })
	plan := f.answers(0, planArgs...)
	check("plan", plan["outcomes"], plan["left_out"])
	done := f.answers(exitSource, slices.Concat([]string{"import", "run", "--state", "st"}, run)...)
	check("run", done["outcomes"], done["left_out"])
	check("status", f.answers(0, "import", "status", "st")["outcomes"], nil)
	text("status", f.sledge(0, "import", "status", "st"))
	report := f.answers(0, "import", "report", "st")
	check("report", report["total"].(map[string]any)["outcomes"], nil)
	for who, n := range map[string]any{"plan": plan["entries"], "run": done["entries"], "report": report["total"].(map[string]any)["entries"]} {
		if n != 14.0 {
			t.Errorf("%s has %v entries", who, n)
		}
	}
	verify := []string{"verify", "import", "st", "--offline", "--trust", "site/signer.pub", "--label", "h.label"}
	devices := f.answers(exitSource, verify...)["devices"].([]any)
	check("verify", devices[0].(map[string]any)["entry_outcomes"], devices[0].(map[string]any)["left_out"])
	text("verify", f.sledge(exitSource, verify...))
	accept := slices.Concat([]string{"accept", "st"}, with, []string{"--waive-left-out", "symlink", "--waive-left-out", "directory", "--waive", "zz-skip", "--out"})
	devices = f.answers(0, append(accept, "acc.dsse")...)["devices"].([]any)
	check("accept", devices[0].(map[string]any)["entry_outcomes"], devices[0].(map[string]any)["left_out"])
	text("accept", f.sledge(0, append(accept, "acc2.dsse")...))
	text("verify acceptance", f.sledge(0, "verify", "acceptance", "acc.dsse", "st", "--trust", "site/signer.pub"))
	if says := f.sledge(exitObjects, "verify", "acceptance", "acc.dsse", "--trust", "site/signer.pub"); !strings.Contains(says, "no-object") || !strings.Contains(says, "lines") {
		t.Errorf("without receipts the statement counts lines: %s", says)
	}
}
