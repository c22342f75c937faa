package importer

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// many is a source of small files and one in parts.
func many(n int) *fakeSource {
	s := newSource()
	for i := range n {
		s.file(fmt.Sprintf("f%02d", i), []byte{byte(i)})
	}
	s.file("large", pattern(3, 17<<20))
	return s
}

// entries counts the objects of entries.
func (f *fakeTarget) entries() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.objects {
		if ours(key) && !strings.Contains(key, JournalPrefix) {
			n++
		}
	}
	return n
}

// TestRefusalOfOneKey: whatever the target, or something before it, says about one key,
// all others are stored first, and nobody is told to renew credentials.
func TestRefusalOfOneKey(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied, target.CodePolicyDenied, target.CodeCredentialsRefused, target.CodeNotS3, target.CodeWrongRegion} {
		for _, key := range []string{"f00", "f20", "large"} {
			for _, wait := range []time.Duration{0, 30 * time.Millisecond} {
				t.Run(fmt.Sprintf("%s of %s, waiting %v", code, key, wait), func(t *testing.T) {
					s, f, disk := many(40), newFake(t), memDisk()
					o := testOptions(t, disk)
					o.HaltWait = wait
					said := map[string]int{}
					o.Problem = func(e *target.Error) {
						said[e.Path+" "+string(e.Code)]++
						if e.Remedy != remedyOneKey {
							t.Errorf("%v: remedy %q", e, e.Remedy)
						}
					}
					f.hook = func(n int, call, k string) (bool, error) {
						if k == "in/"+key {
							return false, target.NewError(code, k, "", nil)
						}
						return true, nil
					}
					res, err := Run(context.Background(), s, f, o)
					if !target.HasCode(err, code) || res.Unfinished != 1 || f.entries() != 40 {
						t.Fatalf("%v, %d objects, %+v", err, f.entries(), res)
					}
					if n := said[key+" "+string(code)]; n < 1 || n > 2 || len(said) != 1 { // as it is left, and as the run ends for it
						t.Errorf("said %v", said)
					}
					f.hook = nil
					o.Problem = nil
					if res := mustRun(t, s, f, o); !res.Complete {
						t.Errorf("resumed: %+v", res)
					}
					f.check(t, s, "in/")
				})
			}
		}
	}
}

// TestRefusalOfAllKeys: where the same credentials store nothing any more, not even
// another key, the run halts as before and leaves no object by name.
func TestRefusalOfAllKeys(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied, target.CodePolicyDenied, target.CodeCredentialsRefused, target.CodeNotS3} {
		s, f := many(40), newFake(t)
		o := testOptions(t, memDisk())
		said, refused := 0, 0
		o.Problem = func(e *target.Error) {
			if said++; e.Remedy == remedyOneKey {
				t.Errorf("%s: %v is told of one key", code, e)
			}
		}
		f.hook = func(n int, call, key string) (bool, error) {
			if n >= 60 { // even the probe's
				refused++
				return false, target.NewError(code, key, "", nil)
			}
			return true, nil
		}
		res, err := Run(context.Background(), s, f, o)
		if !target.HasCode(err, code) || refused > 30 || said != 1 {
			t.Errorf("%s: %v, %d refused, said %d: %+v", code, err, refused, said, res)
		}
	}
}

// TestRefusalOfManyKeys: a folder that is refused stops nothing else, in no start; where
// nothing but the probe's own keys is taken, the run ends before it has tried all.
func TestRefusalOfManyKeys(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	for i := range maxRefusedFirst + 300 {
		s.file(fmt.Sprintf("%04d", i), []byte("small"))
	}
	o := testOptions(t, disk)
	o.Problem = nil
	limit := 900
	tried := map[string]bool{}
	f.hook = func(n int, call, key string) (bool, error) {
		if ours(key) && key < fmt.Sprintf("in/%04d", limit) {
			tried[key] = true
			return false, target.NewError(target.CodePolicyDenied, key, "", nil)
		}
		return true, nil
	}
	for start := range 2 {
		res, err := Run(context.Background(), s, f, o)
		if !target.HasCode(err, target.CodePolicyDenied) || res.Unfinished != 900 || len(tried) != 900 {
			t.Fatalf("start %d: %v, %d tried, %d unfinished, %v", start, err, len(tried), res.Unfinished, res.Tally.Outcomes)
		}
	}
	limit = 9999
	clear(tried)
	o.StateDir, f.objects = memDisk(), map[string]fakeObject{}
	res, err := Run(context.Background(), s, f, o)
	if !target.HasCode(err, target.CodePolicyDenied) || len(tried) > maxRefusedFirst+10 || res.Halt.Remedy == remedyOneKey {
		t.Errorf("%v, %d tried, %s", err, len(tried), res.Halt.Remedy)
	}
}

// TestScoutIsRefusedAlone: a run that waits for its operator goes on when he has mended
// all but the key that its scout tries.
func TestScoutIsRefusedAlone(t *testing.T) {
	s, f := many(40), newFake(t)
	o := patient(t, memDisk())
	o.HaltWait = 200 * time.Millisecond
	all, looks := false, 0
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/f20" {
			all = looks < 3
		}
		switch {
		case all:
			looks++
			return false, target.NewError(target.CodeCredentialsRefused, key, "", nil)
		case key == "in/f20":
			return false, target.NewError(target.CodePolicyDenied, key, "", nil)
		}
		return true, nil
	}
	res, err := Run(context.Background(), s, f, o)
	if !target.HasCode(err, target.CodePolicyDenied) || res.Unfinished != 1 || f.entries() != 40 {
		t.Errorf("%v, %d objects, %+v", err, f.entries(), res)
	}
}

// TestRefusalBehind: while others wait for its end, a run does not wait for keys that
// are refused alone; for anything else it does.
func TestRefusalBehind(t *testing.T) {
	s, f := many(10), newFake(t)
	o := patient(t, memDisk())
	o.HaltWait = time.Hour
	o.Behind = func() bool { return true }
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/f05" {
			return false, target.NewError(target.CodePolicyDenied, key, "", nil)
		}
		return true, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	res, err := Run(ctx, s, f, o)
	if !target.HasCode(err, target.CodePolicyDenied) || f.entries() != 10 || !strings.Contains(res.Halt.Remedy, "only this key") {
		t.Errorf("%v, %d objects, %+v", err, f.entries(), res)
	}
}

// TestRefusalOfTheJournal: the journal in the target is no entry's key.
func TestRefusalOfTheJournal(t *testing.T) {
	s, f := many(10), newFake(t)
	o := testOptions(t, memDisk())
	o.JournalInTarget = true
	f.hook = func(n int, call, key string) (bool, error) {
		if call == "put" && strings.Contains(key, JournalPrefix) && strings.Contains(key, "/"+mirrorUploads) {
			return false, target.NewError(target.CodePolicyDenied, key, "", nil)
		}
		return true, nil
	}
	_, err := Run(context.Background(), s, f, o)
	if e := target.AsError(err); e.Code != target.CodePolicyDenied || e.Remedy == remedyOneKey || !strings.Contains(e.Path, JournalPrefix) {
		t.Errorf("%v: %s", err, e.Remedy)
	}
}

// TestRefusedKeyIsTriedQuietly: each look at a key that stays refused is no line for the
// operator.
func TestRefusedKeyIsTriedQuietly(t *testing.T) {
	s, f := many(10), newFake(t)
	o := patient(t, memDisk())
	var said bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&said, nil))
	refused := 0
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/f05" && refused < 8 {
			refused++
			return false, target.NewError(target.CodePolicyDenied, key, "", nil)
		}
		return true, nil
	}
	mustRun(t, s, f, o)
	f.check(t, s, "in/")
	for _, line := range []string{`msg="the run waits for you"`, `msg="the run goes on"`, `level=WARN`} {
		if n := strings.Count(said.String(), line); n > 2 {
			t.Errorf("%d times %s", n, line)
		}
	}
}
