package e2e

import (
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/simulator"
)

// TestImportExcuses holds the oracle of make import-faults itself: what one start said of
// one key excuses nothing of another key or another start, and a word without a fault
// excuses nothing.
func TestImportExcuses(t *testing.T) {
	const key, other, probed = "in/large-a", "in/large-b", "in/" + probe.Prefix + "run-1-00/parts"
	create := func(key string, fault simulator.Fault) simulator.Meeting {
		return simulator.Meeting{Fault: fault, Call: "CreateMultipartUpload", Key: key}
	}
	run := func(starts ...*start) *faultRun {
		return &faultRun{prefix: "in/", want: map[string][]byte{key: nil, other: nil}, starts: starts}
	}
	says := func(key string, codes ...target.Code) map[string][]target.Code {
		return map[string][]target.Code{key: codes}
	}
	orphan, lost := target.CodeOrphanUpload, []simulator.Meeting{create(key, simulator.ResetAfter)}
	for name, test := range map[string]struct {
		f        *faultRun
		at       string
		excuses  int
		anObject bool
	}{
		"named, of a lost answer":        {f: run(&start{met: lost, said: says(key, orphan)}), at: key, excuses: 1},
		"named, of a killed start":       {f: run(&start{cut: true}, &start{said: says(key, orphan)}), at: key, excuses: 1},
		"not named":                      {f: run(&start{met: lost}), at: key},
		"named, and nothing went wrong":  {f: run(&start{said: says(key, orphan)}), at: key},
		"another key was named":          {f: run(&start{met: lost, said: says(other, orphan)}), at: key},
		"more were named than went lost": {f: run(&start{met: lost, said: says(key, orphan, orphan)}), at: key, excuses: 1},
		"delivered twice":                {f: run(&start{met: []simulator.Meeting{create(key, simulator.CreateTwice)}}), at: key, excuses: 1},
		"another one delivered twice":    {f: run(&start{met: []simulator.Meeting{create(other, simulator.CreateTwice)}}), at: key},
		"of the probe, named":            {f: run(&start{met: []simulator.Meeting{create(probed, simulator.Denied)}, said: says(probed, target.CodeProbeLeft)}), at: probed, excuses: probeUploads, anObject: true},
		"of the probe, not named":        {f: run(&start{met: []simulator.Meeting{create(probed, simulator.Denied)}}), at: probed},
	} {
		if n := test.f.uploadsExcused(test.at); n != test.excuses {
			t.Errorf("%s: %d uploads are excused, want %d", name, n, test.excuses)
		}
		if ok := test.f.ownExcused(test.at); ok != test.anObject {
			t.Errorf("%s: an object is excused %v, want %v", name, ok, test.anObject)
		}
	}
}

// TestImportHaltIsNamed: what earlier starts named does not name why this one ended.
func TestImportHaltIsNamed(t *testing.T) {
	met := []simulator.Meeting{{Fault: simulator.Full, Call: "PutObject", Key: "in/a"}}
	full := &target.Error{Code: target.CodeTargetFull}
	said := map[string][]target.Code{"": {target.CodeTargetFull}}
	for name, test := range map[string]struct {
		now   *start
		halt  *target.Error
		found int
	}{
		"named":                         {&start{met: met, said: said}, full, 0},
		"named by an earlier start":     {&start{met: met}, full, 1},
		"nothing went wrong":            {&start{said: said}, full, 1},
		"left, and nothing was named":   {&start{met: met}, nil, 1},
		"left, and something was named": {&start{met: met, said: said}, nil, 0},
	} {
		f := &faultRun{prefix: "in/", starts: []*start{{met: met, said: said}, test.now}}
		if f.judgeHalt(test.now, test.halt, 1, false); len(f.findings) != test.found {
			t.Errorf("%s: %q, want %d findings", name, f.findings, test.found)
		}
	}
}
