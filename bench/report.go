package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// report is report.json.
type report struct {
	Machine    machine        `json:"machine"`
	Command    string         `json:"command"`
	Quick      bool           `json:"quick"`
	Pairs      int            `json:"pairs"`
	Seconds    float64        `json:"seconds"`
	Sets       []dataset      `json:"sets"`
	Rows       []rowResult    `json:"rows"`
	Sides      []sideResult   `json:"sides"`
	Primitives []primitiveRow `json:"primitives"`
	Formulas   []string       `json:"formulas"`
}

// rowResult is one line of the goals.
type rowResult struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit"`
	Ours  stat     `json:"ours"`
	Peer  stat     `json:"peer"`
	Ratio stat     `json:"ratio"`
	Goal  *float64 `json:"goal"`
	Met   *bool    `json:"met"`
	Why   string   `json:"not_measured,omitempty"`
}

// sideResult is one competitor with all its runs.
type sideResult struct {
	Contest string   `json:"contest"`
	Side    string   `json:"side"`
	How     string   `json:"how"`
	Skipped string   `json:"skipped,omitempty"`
	MBps    stat     `json:"mb_per_s"`
	Files   stat     `json:"files_per_s"`
	CPU     stat     `json:"cpu_s_per_gb"`
	Server  stat     `json:"server_cpu_s_per_gb"`
	PeakRSS int64    `json:"peak_rss_bytes"`
	Runs    []sample `json:"runs"`
}

func newReport(b *bench, contests []*contest, rows []row) *report {
	r := &report{Machine: thisMachine(b.opts.work), Command: "bench " + strings.Join(os.Args[1:], " "), Quick: b.opts.quick, Pairs: b.opts.pairs,
		Seconds: time.Since(b.began).Round(time.Second).Seconds(), Rows: judge(rows, contests)}
	for _, name := range []string{"large", "small", "few", "mix", "sample", "fleet", "latent", "tardy", "glance", "disks"} {
		if set := b.sets[name]; set.dir != "" {
			r.Sets = append(r.Sets, *set)
		}
	}
	for _, c := range contests {
		for _, s := range c.sides {
			if len(s.samples) > 0 || s.skipped != "" {
				r.Sides = append(r.Sides, describeSide(c, s))
			}
		}
	}
	return r
}

func describeSide(c *contest, s *side) sideResult {
	r := sideResult{Contest: c.name, Side: s.name, How: s.how, Skipped: s.skipped, MBps: summarize(s.in(mbps)), Files: summarize(s.in(filesps)), Runs: s.samples}
	var cpu, server []float64
	for _, x := range s.samples {
		cpu = append(cpu, x.perGB())
		if x.Bytes > 0 {
			server = append(server, x.Server/(float64(x.Bytes)/1e9))
		}
		r.PeakRSS = max(r.PeakRSS, x.RSS)
	}
	r.CPU, r.Server = summarize(cpu), summarize(server)
	return r
}

// write prints the tables and keeps the files.
func (r *report) write(out io.Writer, o options) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	r.table(out)
	md := r.markdown()
	err = errors.Join(
		os.WriteFile(filepath.Join(o.out, "report.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(o.out, "report.md"), []byte("# sledge benchmark\n\n"+md), 0o644),
	)
	if err == nil && o.docs != "" {
		err = replaceTable(o.docs, md)
	}
	if err != nil {
		return err
	}
	missed, failed := 0, 0
	for _, row := range r.Rows {
		if row.Met != nil && !*row.Met {
			missed++
		}
		if row.Why != "" {
			failed++
		}
	}
	note := ""
	if r.Quick {
		note = " (they are set for the full sets: make bench)"
	}
	_, err = fmt.Fprintf(out, "\n%d rows, %d goals missed%s, %d rows not measured; %s and report.json\n", len(r.Rows), missed, note, failed, filepath.Join(o.out, "report.md"))
	return err
}

// table is the rows for a terminal.
func (r *report) table(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(out, "\nshare of the roofline: %s\n", r.headline())
	fmt.Fprintf(w, "\nrow\tours\tpeer\tunit\tratio\tmin\tmax\tgoal\tmet\n")
	for _, row := range r.Rows {
		fmt.Fprintln(w, strings.Join(row.cells(), "\t"))
	}
	w.Flush()
}

// headline is the share of the roofline that each row reaches.
func (r *report) headline() string {
	var shares []string
	for _, row := range r.Rows {
		if name, ok := strings.CutSuffix(row.Name, ":roofline"); ok && row.Why == "" {
			shares = append(shares, fmt.Sprintf("%s %.2f", name, row.Ratio.Median))
		}
	}
	if len(shares) == 0 {
		return "not measured"
	}
	return strings.Join(shares, ", ")
}

func (row rowResult) cells() []string {
	if row.Why != "" {
		return []string{row.Name, "–", "–", row.Unit, "–", "–", "–", row.goalText(), row.Why}
	}
	met := ""
	if row.Met != nil {
		met = map[bool]string{true: "yes", false: "NO"}[*row.Met]
	}
	number := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	return []string{row.Name, whole(row.Ours.Median), whole(row.Peer.Median), row.Unit, number(row.Ratio.Median), number(row.Ratio.Min), number(row.Ratio.Max), row.goalText(), met}
}

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }

func (row rowResult) goalText() string {
	if row.Goal == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", *row.Goal)
}

// markdown is all tables.
func (r *report) markdown() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s.\n\n`%s`, %d pairs, %.0f s. Each figure is a median, with the smallest and largest of the pairs; a ratio is the median of the pairs' ratios.\n\n", r.Machine, r.Command, r.Pairs, r.Seconds)
	for _, s := range r.Sets {
		fmt.Fprintf(&b, "- %s: %s; %d files, %.0f MB\n", strings.ToUpper(s.Name), s.What, s.Files, float64(s.Bytes)/1e6)
	}
	fmt.Fprintf(&b, "\nShare of the roofline: %s.\n", r.headline())
	fmt.Fprintf(&b, "\n| row | ours | peer | unit | ratio | min | max | goal | met |\n|---|--:|--:|---|--:|--:|--:|--:|---|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row.cells(), " | "))
	}
	if len(r.Primitives) > 0 {
		fmt.Fprintf(&b, "\nThe machine's own limits:\n\n| primitive | what | one core | two cores | unit | CPU s/GB |\n|---|---|--:|--:|---|--:|\n")
		for _, p := range r.Primitives {
			cpu := ""
			if p.CPUPerGB > 0 {
				cpu = fmt.Sprintf("%.2f", p.CPUPerGB)
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f | %s | %s |\n", p.Name, p.What, p.One, p.Two, p.Unit, cpu)
		}
		fmt.Fprintf(&b, "\nThe rooflines, each with the rates of its own last round on two cores:\n\n")
		for _, f := range r.Formulas {
			fmt.Fprintf(&b, "- %s\n", f)
		}
	}
	fmt.Fprintf(&b, "\nAll sides:\n\n| contest | side | MB/s | min | max | files/s | CPU s/GB | server CPU s/GB | peak MiB |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, s := range r.Sides {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(s.cells(), " | "))
	}
	fmt.Fprintf(&b, "\nWhat was run:\n\n")
	seen := map[string]bool{}
	for _, s := range r.Sides {
		if line := fmt.Sprintf("- %s: %s\n", s.Side, s.How); !seen[line] {
			seen[line] = true
			b.WriteString(line)
		}
	}
	return b.String()
}

func (s sideResult) cells() []string {
	if s.Skipped != "" {
		return []string{s.Contest, s.Side, "left out: " + s.Skipped, "", "", "", "", "", ""}
	}
	if len(s.Runs) > 0 && s.Runs[0].Bound > 0 {
		return []string{s.Contest, s.Side, whole(s.MBps.Median), whole(s.MBps.Min), whole(s.MBps.Max), "", "", "", ""}
	}
	server := ""
	if s.Server.Max > 0 {
		server = fmt.Sprintf("%.2f", s.Server.Median)
	}
	return []string{s.Contest, s.Side, whole(s.MBps.Median), whole(s.MBps.Min), whole(s.MBps.Max), whole(s.Files.Median), fmt.Sprintf("%.2f", s.CPU.Median), server, whole(float64(s.PeakRSS) / mib)}
}

// The place in docs/performance.md that a run fills in.
const (
	tableBegin = "<!-- bench:begin -->\n"
	tableEnd   = "<!-- bench:end -->\n"
)

// splitDocs is a file before and after its table.
func splitDocs(name string) (before, after string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", "", err
	}
	before, rest, ok1 := strings.Cut(string(text), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		return "", "", fmt.Errorf("%s: no lines %q and %q", name, strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	return before, after, nil
}

// replaceTable puts the tables between the markers of a file.
func replaceTable(name, md string) error {
	before, after, err := splitDocs(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(before+tableBegin+md+tableEnd+after), 0o644)
}
