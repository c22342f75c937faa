package importer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func TestRun(t *testing.T) {
	s, f := mixed(), newFake(t)
	res := mustRun(t, s, f, testOptions(t, memDisk()))
	f.check(t, s, "in/")
	if !res.Complete || res.ExitClass() != ExitSkipped || res.Tally.Outcomes[entry.OutcomeStored] != 8 || res.Tally.Outcomes[entry.OutcomeSkipped] != 1 {
		t.Errorf("result %+v, class %v", res, res.ExitClass())
	}
	if res.Tally.Proofs[entry.ProofSHA256] != 8 || !res.Probe.Checking || !res.Probe.Conditional() {
		t.Errorf("proofs %v, probe %v", res.Tally.Proofs, res.Probe)
	}
	meta := f.objects["in/a"].metadata
	for name, want := range map[string]string{"file-permissions": "0100644", "file-owner": "500", "file-group": "600", "file-mtime": "1595002920123456789ns",
		"mtime": "1595002920.123456789", "mode": "100644", "uid": "500", "gid": "600"} {
		if meta[name] != want {
			t.Errorf("metadata %s is %q, want %q", name, meta[name], want)
		}
	}
	if m := f.objects["in/dir/f"].metadata; m["file-permissions"] != "0120777" || m["sledge-kind"] != "symlink" {
		t.Errorf("symlink metadata %v", m)
	}
	if m := f.objects["in/dir/"].metadata; m["file-permissions"] != "040755" {
		t.Errorf("directory metadata %v", m)
	}
}

// TestAnswers: the answer to a write stands for a HEAD only if the store was seen
// in this run to refuse wrong checksums and to tell there what HEAD tells.
func TestAnswers(t *testing.T) {
	tests := []struct {
		name  string
		store func(f *fakeTarget, o *Options)
		asked bool // each object is asked for after it was sent
	}{
		{"as HEAD does", func(f *fakeTarget, o *Options) {}, false},
		{"dashless composites", func(f *fakeTarget, o *Options) { f.dashless = true }, false},
		{"without a checksum", func(f *fakeTarget, o *Options) { f.silent = true }, true},
		{"unchecked", func(f *fakeTarget, o *Options) { f.unchecking = true }, true},
		{"without a checksum after the probe", func(f *fakeTarget, o *Options) {
			f.hook = func(n int, call, key string) (bool, error) {
				f.silent = !strings.Contains(key, probe.Prefix)
				return true, nil
			}
		}, true},
		{"read back", func(f *fakeTarget, o *Options) { o.ReadBack = true }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := testOptions(t, disk)
			test.store(f, &o)
			heads := map[string]int{}
			hook := f.hook
			f.hook = func(n int, call, key string) (bool, error) {
				if call == "head" {
					heads[key]++
				}
				if hook != nil {
					return hook(n, call, key)
				}
				return true, nil
			}
			if res := mustRun(t, s, f, o); !res.Complete {
				t.Errorf("result %+v", res)
			}
			f.check(t, s, "in/")
			small, large := 0, 1 // a large object is looked for before it is sent
			if test.asked {
				small, large = 1, 2
			}
			if heads["in/a"] != small || heads["in/dir/f"] != small || heads["in/big"] != large {
				t.Errorf("%v", heads)
			}
			for _, line := range readLines(t, disk, "receipts/objects.list") {
				if o := f.objects[line.Key]; line.Outcome == entry.OutcomeStored && (line.ETag != "etag" || line.ChecksumType != o.kind || line.Verified.IsZero()) {
					t.Errorf("line %+v", line)
				}
			}
		})
	}
}

// TestAgain runs a finished import a second time, and as another run.
func TestAgain(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	first := mustRun(t, s, f, testOptions(t, disk))
	before := f.changes()
	second := mustRun(t, s, f, testOptions(t, disk))
	if f.changes() != before || string(second.Checkpoint) != string(first.Checkpoint) || !second.Complete {
		t.Errorf("a finished run made %d changes; complete %v", f.changes()-before, second.Complete)
	}
	o := testOptions(t, memDisk())
	o.RunID = "run-2"
	other := mustRun(t, s, f, o)
	if !other.Complete || other.Tally.Outcomes[entry.OutcomeAlreadyThere] != 8 || f.byCall["part"] != 2+3+3 {
		t.Errorf("other run: %+v, calls %v", other.Tally, f.byCall)
	}
	f.check(t, s, "in/")
}

// TestNewRun: a run that has ended says that objects are gone and stores none, and a new
// run id in the same state folder looks at every object and stores what was lost.
func TestNewRun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	first := mustRun(t, s, f, testOptions(t, disk))
	if first.Earlier {
		t.Error("the first start says that it had ended before")
	}
	delete(f.objects, "in/a")
	delete(f.objects, "in/big")
	list, err := vfs.ReadFile(disk, "receipts/objects.list", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	audit := func(list []byte, missing uint64) {
		t.Helper()
		rep, err := audit.Objects(context.Background(), bytes.NewReader(list), f, audit.ObjectOptions{Difference: func(e *target.Error) {
			if e.Code != target.CodeMissing || !strings.Contains(e.Remedy, "--run-id NEW") {
				t.Errorf("%v: remedy %q", e, e.Remedy)
			}
		}})
		if err != nil || rep.Differences != missing || rep.Same != 8-missing {
			t.Errorf("audit: %+v, %v", rep, err)
		}
	}
	audit(list, 2)
	if again, err := Run(t.Context(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodeTargetChanged) || len(f.objects) != 6 {
		t.Errorf("the same run again: %v, %+v, %d objects", err, again, len(f.objects))
	}
	heads, puts := f.byCall["head"], f.byCall["put"]
	o := testOptions(t, disk)
	o.RunID = "run-2"
	second := mustRun(t, s, f, o)
	if !second.Complete || second.Earlier || second.Attempt != 1 || second.RunID != "run-2" || second.Receipts != "runs/run-2/receipts" ||
		second.Tally.Outcomes[entry.OutcomeStored] != 2 || second.Tally.Outcomes[entry.OutcomeAlreadyThere] != 6 {
		t.Errorf("new run %+v", second)
	}
	probes := 4 + 1 // conditional, wrong and right PUT, one that is there for the condition, and the run's marker
	if heads, puts = f.byCall["head"]-heads, f.byCall["put"]-puts; heads < 8+2 || puts > 1+probes {
		t.Errorf("new run: %d heads, %d puts", heads, puts)
	}
	f.check(t, s, "in/")
	if list, err = vfs.ReadFile(disk, "runs/run-2/receipts/objects.list", 1<<30); err != nil {
		t.Fatal(err)
	}
	audit(list, 0)
	// Both runs stand beside each other.
	changes := f.changes()
	for run, want := range map[string]*Result{"run-1": first, "run-2": second} {
		o.RunID = run
		res := mustRun(t, s, f, o)
		if !res.Earlier || string(res.Checkpoint) != string(want.Checkpoint) || res.Receipts != want.Receipts {
			t.Errorf("%s again: %+v", run, res)
		}
	}
	if f.changes() != changes {
		t.Errorf("%d changes by ended runs", f.changes()-changes)
	}
	// An object that was changed is a conflict, and is not touched.
	bad := f.objects["in/a"]
	bad.data, bad.sha256 = []byte("HELLO"), "x"
	f.objects["in/a"] = bad
	o.RunID = "run-3"
	if res := mustRun(t, s, f, o); res.Tally.Outcomes[entry.OutcomeConflict] != 1 || string(f.objects["in/a"].data) != "HELLO" {
		t.Errorf("changed object: %+v", res)
	}
	// A new run may have other options; another device has no place here.
	o.RunID, o.Prefix = "run-4", "else/"
	if res := mustRun(t, s, f, o); !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 8 {
		t.Errorf("other prefix: %+v", res)
	}
	s.scope.Device[0]++
	o.RunID = "run-5"
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(err.Error(), "Device") {
		t.Errorf("other device: %v", err)
	}
}

func TestConflicts(t *testing.T) {
	put := func(f *fakeTarget, key string, o fakeObject) { f.objects["in/"+key] = o }
	tests := []struct {
		name    string
		prepare func(f *fakeTarget, o *Options)
		outcome entry.Outcome
		code    target.Code
		proof   entry.Proof
	}{
		{"other content", func(f *fakeTarget, o *Options) {
			put(f, "a", fakeObject{data: []byte("HELLO"), sha256: "x", kind: "FULL_OBJECT"})
		}, entry.OutcomeConflict, target.CodeConflict, ""},
		{"other size", func(f *fakeTarget, o *Options) { put(f, "a", fakeObject{data: []byte("hell")}) }, entry.OutcomeConflict, target.CodeConflict, ""},
		{"no checksum, same bytes", func(f *fakeTarget, o *Options) { put(f, "a", fakeObject{data: []byte("hello")}) }, entry.OutcomeAlreadyThere, "", entry.ProofReadBack},
		{"no checksum, other bytes", func(f *fakeTarget, o *Options) { put(f, "a", fakeObject{data: []byte("HELLO")}) }, entry.OutcomeConflict, target.CodeConflict, ""},
		{"no checksum, read back too large", func(f *fakeTarget, o *Options) {
			put(f, "a", fakeObject{data: []byte("hello")})
			o.ReadBackLimit = 4
		}, entry.OutcomeConflict, target.CodeCannotCompare, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, f := newSource(), newFake(t)
			s.file("a", []byte("hello"))
			s.file("b", []byte("other"))
			disk := memDisk()
			o := testOptions(t, disk)
			test.prepare(f, &o)
			before := string(f.objects["in/a"].data)
			res := mustRun(t, s, f, o)
			if res.Tally.Outcomes[test.outcome] == 0 || res.Tally.Proofs[test.proof] == 0 && test.proof != "" {
				t.Errorf("tally %+v", res.Tally)
			}
			if string(f.objects["in/a"].data) != before || f.ours() != 2 {
				t.Errorf("the store was changed: %v", f.objects)
			}
			lines := readLines(t, disk, "receipts/objects.list")
			if lines[0].Error != test.code || lines[0].Outcome != test.outcome {
				t.Errorf("line %+v", lines[0])
			}
			if (test.code != "") != (res.ExitClass() == ExitIncomplete) {
				t.Errorf("class %v", res.ExitClass())
			}
			if test.code == "" {
				return
			}
			// The operator moves the object away: the next start is a second attempt.
			delete(f.objects, "in/a")
			res = mustRun(t, s, f, o)
			if !res.Complete || res.Attempt != 2 || res.RunID != "run-1.2" || res.Receipts != "receipts-2" {
				t.Errorf("second attempt %+v", res)
			}
			f.check(t, s, "in/")
		})
	}
}

func TestBadObjects(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(s *fakeSource, f *fakeTarget)
		code    target.Code
	}{
		{"source lost", func(s *fakeSource, f *fakeTarget) { s.broken["big"] = errors.New("too few shards") }, target.CodeSourceLost},
		{"source corrupt, multipart", func(s *fakeSource, f *fakeTarget) { s.flipped["big"] = 16<<20 + 5 }, target.CodeSourceCorrupt},
		{"source corrupt, single", func(s *fakeSource, f *fakeTarget) { s.flipped["dir/c"] = 77 }, target.CodeSourceCorrupt},
		{"wire corrupt for good", func(s *fakeSource, f *fakeTarget) {
			f.hook = func(n int, call, key string) (bool, error) {
				if key == "in/big" && call == "part" {
					return false, target.NewError(target.CodeDigestRefused, "", "BadDigest", nil)
				}
				return true, nil
			}
		}, target.CodeDigestRefused},
		{"refused", func(s *fakeSource, f *fakeTarget) {
			f.hook = func(n int, call, key string) (bool, error) {
				if key == "in/dir/c" && call == "put" {
					return false, target.NewError(target.CodeRefused, "", "status 400: Whatever", nil)
				}
				return true, nil
			}
		}, target.CodeRefused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, f := mixed(), newFake(t)
			test.prepare(s, f)
			var seen []*target.Error
			o := testOptions(t, memDisk())
			o.Problem = func(e *target.Error) { seen = append(seen, e) }
			res := mustRun(t, s, f, o)
			if res.Tally.Outcomes[entry.OutcomeFailed] != 1 || res.Tally.Outcomes[entry.OutcomeStored] != 7 || res.Complete {
				t.Errorf("tally %+v", res.Tally)
			}
			if len(seen) != 1 || seen[0].Code != test.code || seen[0].Path == "" || seen[0].Remedy == "" || seen[0].Class != target.FatalObject {
				t.Errorf("problems %v", seen)
			}
			if len(f.uploads) != 0 {
				t.Errorf("uploads left: %v", f.uploads)
			}
		})
	}
}

func TestStores(t *testing.T) {
	t.Run("does not check", func(t *testing.T) {
		s, f := mixed(), newFake(t)
		f.unchecking = true
		disk := memDisk()
		res := mustRun(t, s, f, testOptions(t, disk))
		if !res.Complete || res.Probe.Checking || res.Tally.Proofs[entry.ProofReadBack] != 8 {
			t.Errorf("result %+v", res)
		}
		if line := readLines(t, disk, "receipts/objects.list")[0]; line.HashedBy != entry.ByImporter || line.Proof != entry.ProofReadBack {
			t.Errorf("line %+v", line)
		}
	})
	t.Run("does not check, source corrupt", func(t *testing.T) {
		s, f := mixed(), newFake(t)
		f.unchecking, s.flipped["big"] = true, 5
		res := mustRun(t, s, f, testOptions(t, memDisk()))
		if _, ok := f.objects["in/big"]; ok || res.Tally.Outcomes[entry.OutcomeFailed] != 1 {
			t.Errorf("tally %+v", res.Tally)
		}
	})
	t.Run("tells no checksum", func(t *testing.T) {
		s, f := mixed(), newFake(t)
		f.noChecksums = true
		if res := mustRun(t, s, f, testOptions(t, memDisk())); !res.Complete || res.Tally.Proofs[entry.ProofReadBack] != 8 {
			t.Errorf("result %+v", res)
		}
	})
	t.Run("dashless composites", func(t *testing.T) {
		s, f := mixed(), newFake(t)
		f.dashless = true
		if res := mustRun(t, s, f, testOptions(t, memDisk())); !res.Complete || res.Tally.Proofs[entry.ProofSHA256] != 8 {
			t.Errorf("result %+v", res)
		}
	})
	t.Run("lies", func(t *testing.T) {
		s, f := mixed(), newFake(t)
		f.corrupt = true
		o := testOptions(t, memDisk())
		o.ReadBack = true
		res := mustRun(t, s, f, o)
		if res.Complete || res.Tally.Outcomes[entry.OutcomeFailed] != 6 { // all but the two without bytes
			t.Errorf("tally %+v", res.Tally)
		}
	})
	t.Run("no conditions", func(t *testing.T) {
		s, f := mixed(), newFake(t)
		f.noConditions = true
		o := testOptions(t, memDisk())
		if res, err := Run(context.Background(), s, f, o); err == nil || res.Halt.Code != target.CodeNoConditions || len(f.objects) != 0 {
			t.Fatalf("%v, %+v", err, res)
		}
		o.AllowUnconditional = true
		o.StateDir = memDisk()
		f.objects["in/a"] = fakeObject{data: []byte("other")}
		res := mustRun(t, s, f, o)
		if res.Tally.Outcomes[entry.OutcomeConflict] != 1 || res.Tally.Outcomes[entry.OutcomeStored] != 7 {
			t.Errorf("tally %+v", res.Tally)
		}
		env, err := vfs.ReadFile(o.StateDir, "receipts/total.dsse", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var total receipt.Total
		if _, _, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &total, testKey.Public().(ed25519.PublicKey)); err != nil || total.Conditional {
			t.Errorf("the receipt does not name it: %v, %+v", err, total)
		}
	})
}

// TestForeignUploads leaves other people's uploads alone.
func TestForeignUploads(t *testing.T) {
	for _, exclusive := range []bool{true, false} {
		s, f := mixed(), newFake(t)
		f.uploads["foreign"] = &fakeUpload{key: "in/big", initiated: f.now(), initiator: "them", parts: map[int]fakePart{}}
		lost := false
		f.hook = func(n int, call, key string) (bool, error) {
			if call == "create" && key == "in/big" && !lost {
				lost = true
				return true, target.Unknown(target.NewError(target.CodeConnectionLost, "", "reset", nil))
			}
			return true, nil
		}
		o := testOptions(t, memDisk())
		o.ExclusivePrefix = exclusive
		res := mustRun(t, s, f, o)
		want := 1
		if !exclusive {
			want = 2 // ours, too: named, not touched
		}
		if len(f.uploads) != want || f.uploads["foreign"] == nil || res.LeftUploads != 1 || !res.Complete {
			t.Errorf("exclusive %v: uploads %v, result %+v", exclusive, f.uploads, res)
		}
	}
}

func TestDryRun(t *testing.T) {
	s, f := mixed(), newFake(t)
	s.file("x/"+strings.Repeat("k", 1200), []byte("long"))
	s.totals.ScanEntries = s.totals.Files + s.totals.Dirs + s.totals.Symlinks + s.totals.Hardlinks + s.totals.Skipped
	o := Options{Config: s3.Config{Bucket: "bucket"}, Prefix: "in/", RunID: "r", DryRun: true}
	res, err := Run(context.Background(), s, f, o)
	if err != nil || res.Tally.Outcomes[entry.OutcomeStored] != 8 || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || len(f.objects) != 0 || f.calls != 1 {
		t.Errorf("%v, %+v, calls %v", err, res.Tally, f.byCall)
	}
	if res.ExitClass() != ExitIncomplete {
		t.Errorf("class %v", res.ExitClass())
	}
}

func TestStateMismatch(t *testing.T) {
	t.Run("before anything was stored", func(t *testing.T) {
		s, f, disk := mixed(), newFake(t), memDisk()
		o := testOptions(t, disk)
		o.Bucket = "wrong"
		f.hook = func(n int, call, key string) (bool, error) {
			return false, target.NewError(target.CodeNoSuchBucket, "", "", nil)
		}
		if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeNoSuchBucket) {
			t.Fatal(err)
		}
		f.hook = nil
		o.Bucket = "right"
		if res := mustRun(t, s, f, o); !res.Complete {
			t.Errorf("after the fix: %+v", res)
		}
	})
	s, f, disk := mixed(), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, disk))
	o := testOptions(t, disk)
	o.Prefix = "elsewhere/"
	if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(err.Error(), "Prefix") {
		t.Errorf("other prefix: %v", err)
	}
	s.scope.Generation = 2
	if _, err := Run(context.Background(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("other generation: %v", err)
	}
}

func TestReconcile(t *testing.T) {
	for files, want := range map[uint64]ExitClass{0: ExitIncomplete, 1: ExitRefused} {
		s, f := mixed(), newFake(t)
		s.totals.ScanEntries++ // the loader's own word that it did not get all
		s.totals.Files += files
		res := mustRun(t, s, f, testOptions(t, memDisk()))
		if res.Complete || len(res.Differences) != 1+int(files) || res.ExitClass() != want {
			t.Errorf("%v: differences %q", res.ExitClass(), res.Differences)
		}
	}
}

func TestPolicies(t *testing.T) {
	s, f := mixed(), newFake(t)
	o := testOptions(t, memDisk())
	o.Symlinks, o.Directories = entry.PolicySkip, entry.PolicySkip
	res := mustRun(t, s, f, o)
	if !res.Complete || res.Tally.Outcomes[entry.OutcomeNoObject] != 2 || len(f.objects) != 6 {
		t.Errorf("tally %+v", res.Tally)
	}
}
