package importer

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestMostParts sends an object of exactly the greatest number of parts, where
// the manager by itself would take larger ones.
func TestMostParts(t *testing.T) {
	j, err := openJournal(memDisk(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	const size = 10000 * 16 * target.MiB
	p, _ := testOptions(t, nil).withDefaults().planner(manifest.Scope{})
	r := &manifest.Record{Kind: manifest.KindFile, Path: "a", Size: size - 1, SHA256: sum(nil), PartSize: manifest.PartSizeFor(size - 1)}
	r.Parts = slices.Repeat([][]byte{sum([]byte("part"))}, int((r.Size+r.PartSize-1)/r.PartSize))
	a, err := p.Plan(entry.Entry{Record: r, Raw: []entry.RawRecord{{}}})
	if err != nil {
		t.Fatal(err)
	}
	a.Size = size
	to := &countingTarget{Target: newFake(t)}
	transfers := &run{opts: testOptions(t, nil).withDefaults(), target: to, journal: j, probe: probe.Report{Checking: true},
		calls: request.New(request.Settings{Requests: 1, CallTimeout: time.Minute, RetryBudget: 100}, make(chan struct{}))}
	tr := &transfer{run: transfers, action: a, content: zeros{}}
	if err := upload(context.Background(), tr, 4); err != nil {
		t.Fatal(err)
	}
	if to.parts.Load() != 10000 || to.size.Load() != size || to.completed != 10000 {
		t.Errorf("%d parts of %d bytes, %d completed", to.parts.Load(), to.size.Load(), to.completed)
	}
}

type zeros struct{ io.Closer }

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

// countingTarget reads no bodies.
type countingTarget struct {
	target.Target
	parts, size atomic.Int64
	completed   int
}

func (c *countingTarget) UploadPart(_ context.Context, in target.PartRequest) (string, error) {
	c.parts.Add(1)
	c.size.Add(in.Size)
	return fmt.Sprint(in.Number), nil
}

func (c *countingTarget) CompleteUpload(_ context.Context, in target.CompleteRequest) (target.Stored, error) {
	c.completed = len(in.Parts)
	return target.Stored{}, nil
}

func TestJournalFull(t *testing.T) {
	s, f := mixed(), newFake(t)
	disk := vfs.NewMem(vfs.MemOptions{Capacity: 8 << 20})
	if _, err := Run(context.Background(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodeJournalFull) {
		t.Errorf("8 MiB: %v", err)
	}
	if len(f.objects) != 0 {
		t.Error("objects were written without a journal")
	}
}

// TestJournalRoom: once the disk is found too full, every record is refused until there
// is room. The less is free, the sooner it is looked at again.
func TestJournalRoom(t *testing.T) {
	free, looks := int64(0), 0
	j, err := openJournal(stateOf(&filling{FS: memDisk(), free: func() int64 { looks++; return free }}), "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	for n := range 3 {
		if err := j.setPage(uint64(n), entry.NewTally()); !target.HasCode(err, target.CodeJournalFull) {
			t.Errorf("record %d: %v", n, err)
		}
	}
	for _, test := range []struct{ free, looks int64 }{{minFree, 20}, {minFree + 3*freeRecord, 5}, {minFree + 1<<30, 1}} {
		j.unasked.Store(0)
		free, looks = test.free, 0
		for range 20 {
			if err := j.setPage(0, entry.NewTally()); err != nil {
				t.Error(err)
			}
		}
		if int64(looks) != test.looks {
			t.Errorf("%d looks where %d bytes are free above the bound", looks, free-minFree)
		}
	}
}

// TestJournalIce: a write that failed stops the journal until the next start, so the
// run does not wait for room: it ends, and the same call goes on.
func TestJournalIce(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.HaltWait = time.Hour
	var full atomic.Bool
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/dir/c" {
			full.Store(true)
		}
		return true, nil
	}
	disk.OnOp(func(op vfs.Op) error {
		if full.Load() && (op.Kind == vfs.OpWrite || op.Kind == vfs.OpSync) {
			return &fs.PathError{Op: "write", Path: op.Name, Err: syscall.ENOSPC}
		}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if res, err := Run(ctx, s, f, o); !target.HasCode(err, target.CodeJournalFull) || ctx.Err() != nil {
		t.Errorf("%v, %+v", err, res)
	}
	disk.OnOp(nil)
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Errorf("%+v", res)
	}
	f.check(t, s, "in/")
}

func TestCodes(t *testing.T) {
	seen := map[target.Code]bool{}
	for _, info := range target.Codes() {
		if seen[info.Code] || info.Class == 0 || info.Meaning == "" || info.Remedy == "" {
			t.Errorf("%+v", info)
		}
		seen[info.Code] = true
	}
}

func TestOptions(t *testing.T) {
	good := testOptions(t, memDisk()).withDefaults()
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"bucket":  func(o *Options) { o.Bucket = "" },
		"prefix":  func(o *Options) { o.Prefix = "a/../" },
		"slash":   func(o *Options) { o.Prefix = "a" },
		"profile": func(o *Options) { o.Profile = "r3" },
		"policy":  func(o *Options) { o.Symlinks = "follow" },
		"proof":   func(o *Options) { o.MinProof = "etag" },
		"run id":  func(o *Options) { o.RunID = "A" },
		"key":     func(o *Options) { o.ImporterKey = nil },
		"state":   func(o *Options) { o.StateDir = nil },
		"memory":  func(o *Options) { o.Memory = 1 },
		"retries": func(o *Options) { o.Retries = -2 },
	} {
		o := good
		change(&o)
		if o.validate() == nil {
			t.Errorf("%s: accepted", name)
		}
		// What the operator chooses is known before there are a state folder and a key.
		if err := o.Validate(); (err == nil) != (name == "key" || name == "state") {
			t.Errorf("%s: Validate: %v", name, err)
		}
	}
	none := Options{Retries: None, ReadBackLimit: None}.withDefaults()
	if n := request.New(none.calls(), nil).Retries; n != 0 || none.ReadBackLimit != None {
		t.Errorf("none is %d retries and %d bytes", n, none.ReadBackLimit)
	}
	bucket, prefix, err := target.ParseTarget("s3://bucket/some/where")
	if bucket != "bucket" || prefix != "some/where/" || err != nil {
		t.Errorf("%q %q %v", bucket, prefix, err)
	}
	for _, bad := range []string{"", "b/x", "http://b/", "s3:///x", "s3://bucket//x/"} {
		if _, _, err := target.ParseTarget(bad); err == nil {
			t.Errorf("target %q was accepted", bad)
		}
	}
	long := strings.Repeat("x", 63)
	for _, good := range []string{"abc", "a.b", "1-2", long, "my-bucket.example.org"} {
		if _, _, err := target.ParseTarget("s3://" + good + "/"); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"a", "ab", long + "x", "Bucket", "my_bucket", "-abc", "abc-", ".abc", "abc.", "a b", "a:b", "b\u00fccket", "abc\n"} {
		if _, _, err := target.ParseTarget("s3://" + bad + "/"); err == nil {
			t.Errorf("bucket %q was accepted", bad)
		}
	}
}
