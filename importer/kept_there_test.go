package importer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// TestAlreadyThereUnprotected: an object that is there already, with the same content, is held
// to the lock and the encryption that the rules ask for, as a written one is: without them it
// is named and fails, and is left as it is. Once it is protected by hand the same run is done.
func TestAlreadyThereUnprotected(t *testing.T) {
	const rules = `{"version":1,"objects":[{"lock":{"mode":"GOVERNANCE","until":"2027-01-05T00:00:00Z","legal_hold":true},"sse":"aws:kms","kms_key_id":"key"}]}`
	until := time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)
	whole := target.Shown{LockMode: "GOVERNANCE", LockUntil: until, LegalHold: true, SSE: "aws:kms", KMSKeyID: "arn:aws:kms:x:1:key/key"}
	for name, change := range map[string]func(*target.Shown){
		target.AttributeLock:                func(s *target.Shown) { s.LockMode, s.LockUntil = "", time.Time{} },
		target.AttributeLock + " too short": func(s *target.Shown) { s.LockUntil = until.Add(-time.Second) },
		"legal_hold":                        func(s *target.Shown) { s.LegalHold = false },
		"sse":                               func(s *target.Shown) { s.SSE = "AES256" },
		"kms_key_id":                        func(s *target.Shown) { s.KMSKeyID = "arn:aws:kms:x:1:key/other" },
		"":                                  func(s *target.Shown) {},
		" longer":                           func(s *target.Shown) { s.LockUntil = until.Add(time.Hour) },
		" stricter":                         func(s *target.Shown) { s.LockMode = "COMPLIANCE" },
	} {
		s, f, disk := mixed(), newFake(t), memDisk()
		mustRun(t, s, f, testOptions(t, memDisk()))
		had, shown := f.ours(), whole
		change(&shown)
		f.shows = func(key string, _ bool, a target.Attributes) target.Shown {
			if ours(key) {
				return shown
			}
			return keepsAll(key, false, a)
		}
		o := testOptions(t, disk)
		o.Now, o.RunID, o.Rules = fixedClock(), "run-2", parseRules(t, rules)
		said := 0
		o.Problem = func(e *target.Error) {
			if e.Code == target.CodeAttributeMissing && strings.Contains(e.Cause, strings.Fields(name)[0]) && strings.Contains(e.Cause, "was there before") {
				said++
			}
		}
		res, err := Run(t.Context(), s, f, o)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if fine := name == "" || name[0] == ' '; fine {
			if int(res.Tally.Outcomes[entry.OutcomeAlreadyThere]) != had || !res.Complete || said > 0 {
				t.Errorf("%q: %+v", name, res)
			}
			continue
		}
		if int(res.Tally.Outcomes[entry.OutcomeFailed]) != had || said != had || res.Complete || res.ExitClass() != ExitIncomplete {
			t.Errorf("%q: %d of %d named, %+v", name, said, had, res)
		}
		shown = whole
		if res := mustRun(t, s, f, o); !res.Complete || int(res.Tally.Outcomes[entry.OutcomeAlreadyThere]) != had {
			t.Errorf("%q, protected by hand: %+v", name, res)
		}
		f.check(t, s, "in/")
	}
}

// TestAlreadyThereOfAnEarlierStart: a lock of days counts from each run's start, so that of an
// earlier run ends earlier. It is told once, and noted at each object; other attributes, too.
// One that has ended, or was never there, fails its object.
func TestAlreadyThereOfAnEarlierStart(t *testing.T) {
	now := fixedClock()()
	for _, c := range []struct {
		shown  target.Shown
		said   []target.Code
		failed bool
	}{
		{target.Shown{LockMode: "GOVERNANCE", LockUntil: now.AddDate(0, 0, 1), TagCount: 1}, []target.Code{target.CodeAttributeDropped}, false},
		{target.Shown{LockMode: "COMPLIANCE", LockUntil: now.AddDate(0, 0, 3), TagCount: 1}, nil, false},
		{target.Shown{LockMode: "GOVERNANCE", LockUntil: now.AddDate(0, 0, 3)}, []target.Code{target.CodeAttributeDropped}, false},
		{target.Shown{LockMode: "GOVERNANCE", LockUntil: now, TagCount: 1}, []target.Code{target.CodeAttributeMissing}, true},
		{target.Shown{TagCount: 1}, []target.Code{target.CodeAttributeMissing}, true},
	} {
		s, f, disk := mixed(), newFake(t), memDisk()
		mustRun(t, s, f, testOptions(t, memDisk()))
		had := f.ours()
		f.shows = func(key string, _ bool, a target.Attributes) target.Shown {
			if ours(key) {
				return c.shown
			}
			return keepsAll(key, false, a)
		}
		o := testOptions(t, disk)
		o.Now, o.RunID = fixedClock(), "run-2"
		o.Rules = parseRules(t, `{"version":1,"objects":[{"lock":{"mode":"GOVERNANCE","days":3},"tags":{"a":"b"}}]}`)
		var said []target.Code
		o.Problem = func(e *target.Error) { said = append(said, e.Code) }
		res, err := Run(t.Context(), s, f, o)
		if err != nil {
			t.Fatal(err)
		}
		if said = slices.Compact(said); !slices.Equal(said, c.said) || c.failed != (int(res.Tally.Outcomes[entry.OutcomeFailed]) == had) || c.failed == res.Complete {
			t.Errorf("%+v: said %v, %+v", c.shown, said, res)
		}
		noted := 0
		for _, line := range readLines(t, disk, "receipts/objects.list") {
			if strings.Contains(line.Detail, "its lock ends already at 2026-01-03") || strings.Contains(line.Detail, "not as the rules ask: tags") {
				noted++
			}
		}
		if want := had * len(c.said); !c.failed && noted != want {
			t.Errorf("%+v: %d lines of %d tell of it", c.shown, noted, want)
		}
	}
}

// TestAlreadyThereUntold: of an object that was there before the ACL and the context of its
// encryption that were asked for are not known, and of its tags the number alone: its line says so.
func TestAlreadyThereUntold(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, memDisk()))
	had := f.ours()
	f.shows = func(string, bool, target.Attributes) target.Shown { return target.Shown{SSE: "aws:kms", TagCount: 1} }
	o := testOptions(t, disk)
	o.RunID = "run-2"
	o.Rules = parseRules(t, `{"version":1,"objects":[{"acl":"bucket-owner-full-control","sse":"aws:kms","kms_context":{"a":"b"},"tags":{"a":"b"}}]}`)
	mustRun(t, s, f, o)
	noted := 0
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		if strings.Contains(line.Detail, "not known: acl, kms_context, the tags' text (only their number is compared)") {
			noted++
		}
	}
	if noted != had {
		t.Errorf("%d of %d lines tell of it", noted, had)
	}
}
