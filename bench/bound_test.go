package main

import (
	"math"
	"strings"
	"testing"
)

// measured are two-core rates in MB/s, about those of the machine that the goals
// were set on.
var measured = rates{"read": 15000, "sha256": 3600, "sha256-std": 3400, "gcm-seal": 10000, "rs-encode": 79000, "rs-decode": 79000, "tmpfs-write": 6900, "tmpfs-fresh": 3800, "tmpfs-read": 15000, "disk-direct": 2800}

func TestBound(t *testing.T) {
	for name, want := range map[string]float64{
		"parts":           1 / (1./15000 + 2./3600 + 1./10000 + 1./79000 + 1.375/3800),
		"whole":           1 / (1./15000 + 3./3600 + 1./10000 + 1./79000 + 1.375/3800),
		"parts-overwrite": 1 / (1./15000 + 2./3600 + 1./10000 + 1./79000 + 1.375/6900),
		"whole-overwrite": 1 / (1./15000 + 3./3600 + 1./10000 + 1./79000 + 1.375/6900),
		"parts-disk":      1 / (1./15000 + 2./3600 + 1./10000 + 1./79000),
		"whole-disk":      1 / (1./15000 + 3./3600 + 1./10000 + 1./79000),
		"scrub":           1 / (1.375/15000 + 1./3600 + 1./79000),
		"rebuild":         1 / (1./15000 + 1./79000 + 0.125/3600 + 0.125/3800),
	} {
		p := pipelines[name]
		if got := p.bound(measured); math.Abs(got-want) > 0.01 {
			t.Errorf("%s: %.1f MB/s, not %.1f", name, got, want)
		}
		if text := p.formula(measured); !strings.HasSuffix(text, "MB/s") {
			t.Error(text)
		}
	}
}

// TestBoundOfDisk takes the disk where it is slower than the cores: it writes
// eleven bytes for eight.
func TestBoundOfDisk(t *testing.T) {
	slow := rates{}
	for name, v := range measured {
		slow[name] = v
	}
	slow["disk-direct"] = 1100
	if got := pipelines["parts-disk"].bound(slow); math.Abs(got-800) > 0.01 {
		t.Errorf("%.1f MB/s, not 800", got)
	}
	delete(slow, "read")
	if got := pipelines["parts-disk"].bound(slow); got != 0 {
		t.Errorf("without a rate: %.1f MB/s", got)
	}
}

// TestPipelinesAreMeasured finds every stage among the primitives.
func TestPipelinesAreMeasured(t *testing.T) {
	for name, p := range pipelines {
		for _, need := range p.needs() {
			if _, ok := primitiveByName(need); !ok && need != sha256Best {
				t.Errorf("%s: no primitive %s", name, need)
			}
		}
	}
	if got := bestSHA256(rates{"sha256-std": 3, "sha256-simd": 4, "sha256-own": 2}); got != "sha256-simd" {
		t.Error(got)
	}
}
