package importer

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func fileRecord(path string, size int64) *manifest.Record {
	r := &manifest.Record{Kind: manifest.KindFile, Path: path, Size: size, SHA256: sum(nil), PartSize: manifest.PartSizeFor(size)}
	if r.PartSize > 0 {
		r.Parts = slices.Repeat([][]byte{sum([]byte("part"))}, int((size+r.PartSize-1)/r.PartSize))
	}
	return r
}

func TestPlanLimits(t *testing.T) {
	long := strings.Repeat("k", 250)
	tests := []struct {
		profile, path string
		size          int64
		want          target.Code // "" for none
	}{
		{"aws", "a/b", 5, ""},
		{"aws", "caf\u00e9/\u65e5\u672c", 5, ""},
		{"aws", "a\\b ?%#", 5, ""},
		{"aws", strings.Repeat("x", 1021), 5, ""},
		{"aws", strings.Repeat("x", 1022), 5, target.CodeKeyInvalid}, // with the prefix "in/"
		{"aws", "a\xff", 5, target.CodeKeyInvalid},
		{"aws", "a\nb", 5, target.CodeKeyInvalid},
		{"aws", "a\x00b", 5, target.CodeKeyInvalid},
		{"aws", "a\x7fb", 5, target.CodeKeyInvalid},
		{"aws", "a\u0085b", 5, target.CodeKeyInvalid},
		{"aws", "a\uffff", 5, target.CodeKeyInvalid},
		{"aws", "a/../b", 5, target.CodeKeyInvalid},
		{"aws", "a//b", 5, target.CodeKeyInvalid},
		{"aws", long + long, 5, ""},
		{"versitygw", long + long, 5, target.CodeKeyInvalid},
		{"minio", long + long, 5, target.CodeKeyInvalid},
		{"generic", long + "/" + long, 5, ""},
		{"generic", "a", 5 * target.TiB, ""},
		{"generic", "a", 5*target.TiB + 1, target.CodeTooLarge},
		{"aws", "a", 5*target.TiB + 1, ""},
		{"aws", "a", 10000 * 5 * target.GiB, ""},
		{"aws", "a", 10000*5*target.GiB + 1, target.CodeTooLarge},
	}
	for _, test := range tests {
		p, err := newPlanner(Options{Prefix: "in/", Config: s3.Config{Profile: test.profile}, RunID: "r"}, manifest.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.plan(entry.Entry{Record: fileRecord(test.path, test.size), Raw: []entry.RawRecord{{}}})
		if test.want != "" && (!target.HasCode(err, test.want) || !target.IsClass(err, target.FatalObject)) || test.want == "" && err != nil {
			t.Errorf("%s %.20q %d: %v, want %q", test.profile, test.path, test.size, err, test.want)
		}
		if err == nil && (a.Key != "in/"+test.path || len(a.Parts) > 10000 || (test.size > 16*target.MiB) != (a.Kind == ActionMultipart)) {
			t.Errorf("%s %.20q %d: %+v", test.profile, test.path, test.size, a.Key)
		}
	}
	p, _ := newPlanner(Options{Config: s3.Config{Profile: "aws"}}, manifest.Scope{})
	if _, err := p.plan(entry.Entry{Record: fileRecord("soap", 1), Raw: []entry.RawRecord{{}}}); !target.HasCode(err, target.CodeKeyInvalid) {
		t.Errorf("soap: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	r := fileRecord("a", 1)
	r.Mode, r.UID, r.GID = 0o4755, 1<<32-1, 0
	r.Mtime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Xattrs = []manifest.Xattr{{Name: "user.x"}}
	meta, left := metadata(r, "job/device/1/2/3", "run", 2048, 0)
	want := map[string]string{"file-permissions": "0104755", "file-owner": "4294967295", "file-group": "0", "mode": "104755", "uid": "4294967295", "gid": "0",
		"sledge-entry": "job/device/1/2/3", "sledge-run": "run"}
	if !maps.Equal(meta, want) || !slices.Equal(left, []string{"file-mtime", "mtime", "user.x"}) {
		t.Errorf("%v, left out %v", meta, left)
	}
	r.Mtime, r.Xattrs = time.Time{}, nil
	if meta, left = metadata(r, "job/device/1/2/3", "run", 2048, 0); !maps.Equal(meta, want) || left != nil {
		t.Errorf("without a time: %v, left out %v", meta, left)
	}
	// What fits is the same beginning of one order, however little room there is.
	r.Mtime = time.Unix(1, 5)
	order := []string{"file-permissions", "file-owner", "file-group", "file-mtime", "mtime", "mode", "uid", "gid"}
	all, _ := metadata(r, "e", "run", 2048, 0)
	room := len("sledge-entry" + "e" + "sledge-run" + "run")
	for i := range len(order) + 1 {
		meta, left := metadata(r, "e", "run", room+100, 100)
		if !slices.Equal(left, order[i:]) || len(meta) != 2+i || meta["sledge-entry"] != "e" || meta["sledge-run"] != "run" {
			t.Errorf("room for %d: %v, left out %v", i, meta, left)
		}
		if i < len(order) {
			room += len(order[i]) + len(all[order[i]])
		}
	}
}

// TestMtimes: DataSync's form and rclone's, which is that of time.Time in seconds.
func TestMtimes(t *testing.T) {
	for _, test := range []struct {
		at            time.Time
		ours, rclones string
	}{
		{time.Unix(1595002920, 123456789), "1595002920123456789ns", "1595002920.123456789"},
		{time.Unix(1595002920, 5e8), "1595002920500000000ns", "1595002920.500000000"},
		{time.Unix(1595002920, 0), "1595002920000000000ns", "1595002920"},
		{time.Unix(0, 7), "7ns", "0.000000007"},
		{time.Unix(-1, 5), "-999999995ns", "-0.999999995"},
		{time.Unix(-9223372035, 0), "-9223372035000000000ns", "-9223372035"},
		{time.Unix(-9223372040, 0), "", ""},
	} {
		r := fileRecord("a", 1)
		r.Mtime = test.at
		if meta, _ := metadata(r, "e", "run", 2048, 0); meta["file-mtime"] != test.ours || meta["mtime"] != test.rclones {
			t.Errorf("%v: %q and %q", test.at, meta["file-mtime"], meta["mtime"])
		}
	}
}

func TestCompare(t *testing.T) {
	one, two := [32]byte{1}, [32]byte{2}
	whole := [32]byte{9}
	single := content.Expected{Size: 5, Parts: [][32]byte{one}, SHA256: &one, CRC: "crc", Composite: content.Composite([][32]byte{one})}
	multi := content.Expected{Size: 5, PartSize: 3, Parts: [][32]byte{one, two}, Composite: content.Composite([][32]byte{one, two})}
	withWhole := multi
	withWhole.SHA256 = &whole
	bare := func(s string) string { s, _, _ = strings.Cut(s, "-"); return s }
	plain, other := target.Encode64(one[:]), target.Encode64(two[:])
	tests := []struct {
		name  string
		want  content.Expected
		obj   target.Object
		ours  bool
		v     content.Verdict
		proof entry.Proof
	}{
		{"same", single, target.Object{Size: 5, SHA256: plain, ChecksumType: "FULL_OBJECT"}, true, content.Same, entry.ProofSHA256},
		{"same, no type", single, target.Object{Size: 5, SHA256: plain}, true, content.Same, entry.ProofSHA256},
		{"size", single, target.Object{Size: 6, SHA256: plain}, true, content.Different, ""},
		{"sum", single, target.Object{Size: 5, SHA256: other}, false, content.Different, ""},
		{"one part", single, target.Object{Size: 5, SHA256: single.Composite, ChecksumType: "COMPOSITE"}, false, content.Same, entry.ProofSHA256},
		{"one other part", single, target.Object{Size: 5, SHA256: other + "-1"}, false, content.Different, ""},
		{"cut otherwise", single, target.Object{Size: 5, SHA256: other + "-7"}, false, content.Incomparable, ""},
		{"crc", single, target.Object{Size: 5, CRC64NVME: "crc", ChecksumType: "FULL_OBJECT"}, false, content.Same, entry.ProofCRC},
		{"other crc", single, target.Object{Size: 5, CRC64NVME: "x"}, false, content.Different, ""},
		{"nothing", single, target.Object{Size: 5}, false, content.Incomparable, ""},
		{"composite", multi, target.Object{Size: 5, SHA256: multi.Composite, ChecksumType: "COMPOSITE"}, true, content.Same, entry.ProofSHA256},
		{"composite, bare", multi, target.Object{Size: 5, SHA256: bare(multi.Composite), ChecksumType: "COMPOSITE"}, true, content.Same, entry.ProofSHA256},
		{"composite, bare, no type", multi, target.Object{Size: 5, SHA256: bare(multi.Composite)}, true, content.Same, entry.ProofSHA256},
		{"composite of others", multi, target.Object{Size: 5, SHA256: other + "-2"}, false, content.Incomparable, ""},
		{"composite of ours", multi, target.Object{Size: 5, SHA256: other + "-2"}, true, content.Different, ""},
		{"bad suffix", multi, target.Object{Size: 5, SHA256: bare(multi.Composite) + "-x"}, false, content.Incomparable, ""},
		{"whole", withWhole, target.Object{Size: 5, SHA256: target.Encode64(whole[:]), ChecksumType: "FULL_OBJECT"}, false, content.Same, entry.ProofSHA256},
		{"whole, unknown", multi, target.Object{Size: 5, SHA256: target.Encode64(whole[:]), ChecksumType: "FULL_OBJECT"}, false, content.Incomparable, ""},
		{"whole, other", withWhole, target.Object{Size: 5, SHA256: other, ChecksumType: "FULL_OBJECT"}, false, content.Different, ""},
	}
	for _, test := range tests {
		if v, proof := test.want.Compare(test.obj, test.ours); v != test.v || v == content.Same && proof != test.proof {
			t.Errorf("%s: %v %q, want %v %q", test.name, v, proof, test.v, test.proof)
		}
	}
}

// TestMostParts sends an object of exactly the greatest number of parts, where
// the manager by itself would take larger ones.
func TestMostParts(t *testing.T) {
	j, err := openJournal(memDisk(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	const size = 10000 * 16 * target.MiB
	p, _ := newPlanner(testOptions(t, nil).withDefaults(), manifest.Scope{})
	a, err := p.plan(entry.Entry{Record: fileRecord("a", size-1), Raw: []entry.RawRecord{{}}})
	if err != nil {
		t.Fatal(err)
	}
	a.Size = size
	to := &countingTarget{Target: newFake(t)}
	r := &run{opts: testOptions(t, nil).withDefaults(), target: to, journal: j, probe: ProbeReport{Checking: true},
		calls: newCaller(Options{Memory: target.MiB, CallTimeout: time.Minute, RetryBudget: 100}, make(chan struct{}))}
	tr := &transfer{run: r, action: a, content: zeros{}}
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

func TestLimiter(t *testing.T) {
	l := newLimiter(8, 20, 0)
	var most, now atomic.Int64
	var workers sync.WaitGroup
	for range 40 {
		workers.Go(func() {
			for range 50 {
				if err := l.acquire(context.Background()); err != nil {
					t.Error(err)
					return
				}
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(10 * time.Microsecond)
				now.Add(-1)
				l.release(more)
			}
		})
	}
	workers.Wait()
	if m := most.Load(); m > 20 || m < 9 || l.inUse != 0 || l.current() != 20 {
		t.Errorf("at most %d at once, %d in use, limit %d", m, l.inUse, l.current())
	}
	for range 10 {
		l.acquire(context.Background())
		l.release(less)
	}
	if l.current() != 1 {
		t.Errorf("limit %d after ten refusals", l.current())
	}
	l.acquire(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.acquire(ctx); err == nil {
		t.Error("a place beyond the limit was given")
	}
	l.release(more)
	if err := l.acquire(context.Background()); err != nil || len(l.waiters) != 0 {
		t.Errorf("after a cancelled wait: %v, %d wait", err, len(l.waiters))
	}
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
// is room.
func TestJournalRoom(t *testing.T) {
	free := int64(0)
	j, err := openJournal(stateOf(&filling{FS: memDisk(), free: func() int64 { return free }}), "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	for n := range 3 {
		if err := j.setPage(uint64(n), entry.NewTally()); !target.HasCode(err, target.CodeJournalFull) {
			t.Errorf("record %d: %v", n, err)
		}
	}
	free = minFree
	if err := j.setPage(0, entry.NewTally()); err != nil {
		t.Error(err)
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
	if n := newCaller(none, nil).retries; n != 0 || none.ReadBackLimit != None {
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
