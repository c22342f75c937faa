package main

import (
	"fmt"
	"strings"
)

// stage is one thing that a pipeline does to every payload byte, so many times
// over.
type stage struct {
	primitive string
	bytes     float64 // of the stage for each payload byte
}

// pipeline is work whose best rate on two cores can be computed: if every stage
// ran at its own best, one after another on each core, and nothing else cost
// anything.
type pipeline struct {
	name   string
	stages []stage
	device string // a primitive that bounds it besides the cores; "" for none
	share  float64
}

const (
	dataShards   = 8
	parityShards = 3
	spread       = float64(dataShards+parityShards) / dataShards
)

// sha256Best stands for the fastest engine on two cores.
const sha256Best = "sha256"

// pipelines of the rows. Part digests and digests of data blocks are two passes
// of SHA-256; the digest of the whole file is a third one for files above one
// part. A load writes new files, so that is its write; to write over old pages
// instead is only reported.
var pipelines = map[string]pipeline{
	"parts":           loadPipeline("parts", 2, "tmpfs-fresh"),
	"whole":           loadPipeline("whole", 3, "tmpfs-fresh"),
	"parts-overwrite": loadPipeline("parts-overwrite", 2, "tmpfs-write"),
	"whole-overwrite": loadPipeline("whole-overwrite", 3, "tmpfs-write"),
	"parts-disk":      loadPipeline("parts-disk", 2, ""),
	"whole-disk":      loadPipeline("whole-disk", 3, ""),
	"scrub":           {name: "scrub", stages: []stage{{"tmpfs-read", spread}, {sha256Best, 1}, {"rs-encode", 1}}},
	// A rebuild reads eight shards, decodes the one that is lost, proves it by its own
	// hashes and writes it.
	"rebuild": {name: "rebuild", stages: []stage{{"tmpfs-read", 1}, {"rs-decode", 1}, {sha256Best, 1. / dataShards}, {"tmpfs-fresh", 1. / dataShards}}},
}

// loadPipeline writes into memory, or directly to a disk, which costs the cores
// nothing.
func loadPipeline(name string, passes float64, write string) pipeline {
	p := pipeline{name: name, stages: []stage{{"read", 1}, {sha256Best, passes}, {"gcm-seal", 1}, {"rs-encode", 1}}}
	if write != "" {
		p.stages = append(p.stages, stage{write, spread})
	} else {
		p.device, p.share = "disk-direct", 1/spread
	}
	return p
}

// bound is the pipeline's best rate in MB/s of payload:
//
//	1 / sum over stages of (bytes of the stage for each payload byte / two-core rate)
//
// or what the device takes, if that is less.
func (p pipeline) bound(r rates) float64 {
	sum := 0.0
	for _, s := range p.stages {
		if r[s.primitive] <= 0 {
			return 0
		}
		sum += s.bytes / r[s.primitive]
	}
	bound := 1 / sum
	if p.device != "" {
		bound = min(bound, r[p.device]*p.share)
	}
	return bound
}

// needs are the primitives that must be measured for it.
func (p pipeline) needs() []string {
	var names []string
	for _, s := range p.stages {
		names = append(names, s.primitive)
	}
	if p.device != "" {
		names = append(names, p.device)
	}
	return names
}

// formula is the bound with its numbers.
func (p pipeline) formula(r rates) string {
	var terms []string
	for _, s := range p.stages {
		terms = append(terms, fmt.Sprintf("%.3g/%.0f %s", s.bytes, r[s.primitive], s.primitive))
	}
	text := fmt.Sprintf("1 / (%s)", strings.Join(terms, " + "))
	if p.device != "" {
		text = fmt.Sprintf("min(%s, %.0f %s × %.3f)", text, r[p.device], p.device, p.share)
	}
	return fmt.Sprintf("%s = %.0f MB/s", text, p.bound(r))
}

// sha256Engines are the primitives that compete for the pipelines' SHA-256.
var sha256Engines = []string{"sha256-std", "sha256-simd", "sha256-own", "sha256-pair", "sha256-avx512"}

// bestSHA256 is the engine with the highest rate.
func bestSHA256(r rates) (name string) {
	for _, engine := range sha256Engines {
		if name == "" || r[engine] > r[name] {
			name = engine
		}
	}
	return name
}
