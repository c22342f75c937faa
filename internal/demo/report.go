package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/sledge-io/sledge/internal/terminal"
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

// step is one with its name. It returns what is to be said of it.
type step struct {
	name string
	run  func(context.Context) (told, error)
}

// told is what a step says of itself.
type told struct {
	bytes int64
	text  string
}

func sayf(format string, args ...any) told { return told{text: fmt.Sprintf(format, args...)} }

// of tells that the step passed over so many bytes.
func (t told) of(bytes int64) told { return told{bytes, t.text} }

// tell runs a step, takes its time and tells the reader about it.
func (d *demo) tell(ctx context.Context, s step) error {
	start := time.Now()
	t, err := s.run(ctx)
	switch {
	case err != nil && s.name != "":
		fmt.Fprintf(d.out, "%-17s FAILED\n", s.name)
		return fmt.Errorf("%s: %w", s.name, err)
	case err != nil || s.name == "":
		return err
	}
	took := stage{Name: s.name, Seconds: math.Round(time.Since(start).Seconds()*1000) / 1000}
	speed := ""
	if t.bytes > 0 {
		took.MBPerS = math.Round(float64(t.bytes)/1e5/max(took.Seconds, 0.001)) / 10
		speed = fmt.Sprintf("%.0f MB/s", took.MBPerS)
	}
	d.report.Stages = append(d.report.Stages, took)
	fmt.Fprintf(d.out, "%-17s %6.1f s  %9s  %s\n", s.name, took.Seconds, speed, t.text)
	return nil
}

// finish writes the report and tells what has been shown.
func (d *demo) finish() error {
	r := &d.report
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := d.path("report.json")
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		return err
	}
	seconds := 0.0
	for _, s := range r.Stages {
		seconds += s.Seconds
	}
	fmt.Fprintf(d.out, `
All %d entries (%s) are in S3 and were compared byte for byte, twice, with the source.
On the way %d of %d disks were lost and %s: nothing is missing.
Every object is proven by "%s"; the receipts are in %s.
The auditor, without any key, came to the same answer.

report            %s (%.0f s in all)
commands          %s, what they printed in %s
disks, bucket     %s, %s
`, r.Entries, terminal.Size(r.Bytes), r.DisksLost, diskCount, d.damage.summary(), r.ProofLevel, r.Receipt,
		name, seconds, d.path("commands.txt"), d.path("logs"), d.path("disks"), d.path("s3", bucket))
	if n := len(d.skipped); n > 0 {
		fmt.Fprintf(d.out, "left out          %s of the source that the loader could not take; load's answer in %s names it all\n", terminal.Plural(n, "entry"), d.path("logs"))
	}
	return nil
}
