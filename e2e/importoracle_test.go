package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/simulator"
)

// start is one start of an import: what it met, what it said, how it ended.
type start struct {
	met  []simulator.Meeting
	said map[string][]target.Code // by key; "" is the whole target
	cut  bool                     // by a power cut or a kill
}

// begins adds a start. What starts before it met and said excuses nothing of it, but
// what they left.
func (f *faultRun) begins() *start {
	s := &start{said: map[string][]target.Code{}}
	f.starts = append(f.starts, s)
	return s
}

// hears notes a problem under the key of its entry.
func (f *faultRun) hears(s *start, path string, code target.Code) {
	key := path
	if path != "" && !strings.HasPrefix(path, f.prefix) {
		key = f.prefix + path
	}
	if _, folder := f.want[key+"/"]; folder {
		key += "/"
	}
	s.said[key] = append(s.said[key], code)
}

// attempt is the starts since the last end that was signed: of one whose end is signed
// what failed is tried again, and named again.
func (f *faultRun) attempt() []*start { return f.starts[f.signed:] }

// times counts what starts met.
func times(starts []*start, fits func(simulator.Meeting) bool) (n int) {
	for _, s := range starts {
		for _, m := range s.met {
			if fits(m) {
				n++
			}
		}
	}
	return n
}

// cuts counts the starts that were cut off.
func cuts(starts []*start) (n int) {
	for _, s := range starts {
		if s.cut {
			n++
		}
	}
	return n
}

// named counts how often a key was named with a code.
func (f *faultRun) named(key string, code target.Code) (n int) {
	for _, s := range f.starts {
		n += len(slices.DeleteFunc(slices.Clone(s.said[key]), func(c target.Code) bool { return c != code }))
	}
	return n
}

// uploadsExcused is how many uploads of ours may be left under a key: as many as were
// named, if as many calls of it failed, and those that no answer told of.
func (f *faultRun) uploadsExcused(key string) int {
	unseen := times(f.starts, func(m simulator.Meeting) bool {
		return m.Key == key && (m.Fault == simulator.CreateTwice || m.Fault == simulator.CreateLate)
	})
	if strings.Contains(key, probe.Prefix) {
		return unseen + f.probeExcused(key)
	}
	failed := cuts(f.starts) + times(f.starts, func(m simulator.Meeting) bool {
		return m.Key == key && (m.Call == "CreateMultipartUpload" || m.Call == "AbortMultipartUpload" || m.Call == "ListMultipartUploads")
	})
	return unseen + min(f.named(key, target.CodeOrphanUpload), failed)
}

// probeUploads is how many uploads a probe begins under one key.
const probeUploads = 2

// probeExcused is how much of a probe may be left under one of its keys: nothing that was
// not named, and nothing unless a call in the probe's folder failed, which ends its
// tidying.
func (f *faultRun) probeExcused(key string) int {
	folder := path.Dir(key) + "/"
	failed := times(f.starts, func(m simulator.Meeting) bool { return strings.HasPrefix(m.Key, folder) })
	return probeUploads * min(f.named(key, target.CodeProbeLeft), failed)
}

// ownExcused tells whether one of the importer's own objects may be there after an end:
// it was named, and something failed; or the network delivered it when it was removed.
func (f *faultRun) ownExcused(key string) bool {
	if f.taken() && strings.Contains(key, importer.JournalPrefix) && strings.HasSuffix(key, "/run") {
		return true // the marker stays until the run is complete, which this one cannot be
	}
	late := times(f.starts, func(m simulator.Meeting) bool {
		return m.Key == key && m.Fault == simulator.Late && m.Call != "DeleteObject"
	})
	if late > 0 {
		return true
	}
	if strings.Contains(key, probe.Prefix) {
		return f.probeExcused(key) > 0
	}
	failed := times(f.starts, func(m simulator.Meeting) bool { return m.Key == key })
	return min(f.named(key, target.CodeJournalLeft), failed) > 0
}

// ended is a line of the receipts of an entry that is not in the target.
type ended struct {
	Key   string
	Error target.Code
}

// failures are the receipts' words about what is not in the target.
func failures(list []byte) (all []ended, err error) {
	for text := range bytes.Lines(list) {
		line, err := receipt.ParseLine(text)
		if err != nil {
			return nil, err
		}
		if line.Outcome == entry.OutcomeFailed || line.Outcome == entry.OutcomeConflict {
			all = append(all, ended{line.Key, line.Error})
		}
	}
	return all, nil
}

// judgeFailures holds a signed end with failures against the store and against what the
// starts of its attempt met and said. A power cut hides what each worker had under way.
func (f *faultRun) judgeFailures(all []ended, bad uint64, workers int) {
	if bad == 0 || uint64(len(all)) != bad {
		f.found("incomplete, with %d failures, and the receipts name %v", bad, all)
	}
	silent, free := 0, workers*cuts(f.attempt())
	for _, e := range all {
		told := slices.ContainsFunc(f.attempt(), func(s *start) bool { return slices.Contains(s.said[e.Key], e.Error) })
		if !told {
			silent++
		}
		met := times(f.attempt(), func(m simulator.Meeting) bool { return m.Key == e.Key })
		if met == 0 && f.planted[e.Key] == nil {
			f.found("%q failed (%s), and nothing went wrong with it", e.Key, e.Error)
		}
		if silent > free {
			f.found("%q failed (%s), and nobody said so", e.Key, e.Error)
		}
	}
	there, err := f.look.keys(f.prefix)
	if err != nil {
		f.found("list: %v", err)
	}
	for key := range f.want {
		named := slices.ContainsFunc(all, func(e ended) bool { return e.Key == key })
		if (!slices.Contains(there, key) || f.planted[key] != nil) && !named {
			f.found("%q is not in the target, and the receipts do not say so", key)
		}
	}
	f.signed = len(f.starts)
}

// judgeHalt: a start that ended for the operator has named why, and something went wrong
// in it.
func (f *faultRun) judgeHalt(s *start, halt *target.Error, unfinished uint64, quiet bool) {
	said := func(code target.Code) bool {
		for _, codes := range s.said {
			if slices.Contains(codes, code) {
				return true
			}
		}
		return false
	}
	switch {
	case halt == nil && len(s.said) == 0:
		f.found("%d entries are left, and nothing was named", unfinished)
	case halt != nil && !said(halt.Code):
		f.found("halted by %v, and that was not named", halt)
	case len(s.met) == 0 && !quiet: // what a start without faults comes to is judged apart
		f.found("halted (%v), and nothing went wrong", halt)
	}
}

// readFailures reads the receipts of a state folder.
func readFailures(state fs.FS, folder string) ([]ended, error) {
	list, err := fs.ReadFile(state, folder+"/objects.list")
	if err != nil {
		return nil, err
	}
	return failures(list)
}

// hearsLog notes the problems in a log of the program (--log).
func (f *faultRun) hearsLog(s *start, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var l struct{ Msg, Code string }
		if err := json.Unmarshal(line, &l); err != nil {
			if s.cut { // in the middle of a line
				return nil
			}
			return fmt.Errorf("%q: %w", line, err)
		}
		if l.Code == "" {
			continue
		}
		key := ""
		if quoted, err := strconv.QuotedPrefix(l.Msg); err == nil {
			key, _ = strconv.Unquote(quoted)
		}
		f.hears(s, key, target.Code(l.Code))
	}
	return nil
}

// story is what the starts met and said, for who looks into a finding.
func (f *faultRun) story() string {
	var b strings.Builder
	for i, s := range f.starts {
		fmt.Fprintf(&b, "start %d, cut off %v\n", i+1, s.cut)
		for _, m := range s.met {
			fmt.Fprintf(&b, "  met  %s %q: %s\n", m.Call, m.Key, m.Fault)
		}
		for _, key := range slices.Sorted(maps.Keys(s.said)) {
			fmt.Fprintf(&b, "  said %q: %v\n", key, s.said[key])
		}
	}
	return b.String()
}
