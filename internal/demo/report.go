package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"
)

// report is build/demo/report.json.
type report struct {
	Entries         int64   `json:"entries"`
	Bytes           int64   `json:"bytes"`
	DisksLost       int     `json:"disks_lost"`
	BlocksRepaired  int64   `json:"blocks_repaired"`
	ObjectsVerified int64   `json:"objects_verified"`
	ProofLevel      string  `json:"proof_level"`
	Receipt         string  `json:"receipt"`
	Stages          []stage `json:"stages"`
}

// stage is one step. MB are 10^6 bytes of the source; 0 for steps that do not
// pass over the data.
type stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	MBPerS  float64 `json:"mb_per_s"`
}

// told is what a step says of itself.
type told struct {
	bytes int64
	text  string
}

// stage runs a step, takes its time and tells the reader about it.
func (d *demo) stage(name string, f func() (told, error)) error {
	start := time.Now()
	t, err := f()
	if err != nil {
		fmt.Fprintf(d.out, "%-17s FAILED\n", name)
		return fmt.Errorf("%s: %w", name, err)
	}
	s := stage{Name: name, Seconds: round(time.Since(start).Seconds(), 3)}
	speed := ""
	if t.bytes > 0 {
		s.MBPerS = round(float64(t.bytes)/1e6/max(s.Seconds, 0.001), 1)
		speed = fmt.Sprintf("%.0f MB/s", s.MBPerS)
	}
	d.report.Stages = append(d.report.Stages, s)
	fmt.Fprintf(d.out, "%-17s %6.1f s  %9s  %s\n", name, s.Seconds, speed, t.text)
	return nil
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// finish writes the report and tells what has been shown.
func (d *demo) finish() error {
	b, err := json.MarshalIndent(&d.report, "", "  ")
	if err != nil {
		return err
	}
	name := d.path("report.json")
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		return err
	}
	seconds := 0.0
	for _, s := range d.report.Stages {
		seconds += s.Seconds
	}
	r := &d.report
	fmt.Fprintf(d.out, `
All %d entries (%s) are in S3 and were compared byte for byte, twice, with the source.
On the way %d of %d disks were lost and %s: nothing is missing.
Every object is proven by "%s"; the receipts are in %s.
The auditor, without any key, came to the same answer.

report            %s (%.0f s in all)
commands          %s, what they printed in %s
disks, bucket     %s, %s
`, r.Entries, size(r.Bytes), r.DisksLost, diskCount, d.damage.summary(), r.ProofLevel, r.Receipt,
		name, seconds, d.path("commands.txt"), d.path("logs"), d.path("disks"), d.path("s3", bucket))
	if n := len(d.skipped); n > 0 {
		fmt.Fprintf(d.out, "left out          %s of the source that the loader could not take; load's answer in %s names it all\n", entries(n), d.path("logs"))
	}
	return nil
}

// plural writes a count with its noun.
func plural[T int | int64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
