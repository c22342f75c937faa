package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	mrand "math/rand"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/simulator"
)

// store is a real server of the lane.
type store struct {
	name   string // also the profile
	server *s3test.Server
}

// faultRun is one import under faults, drawn from a seed.
type faultRun struct {
	seed   uint64
	dice   *rand.Rand
	store  store
	look   plain
	prefix string

	want      map[string][]byte // by key
	planted   map[string][]byte // somebody else's objects
	uploads   map[string]string // and uploads, by key
	exclusive bool
	device    string // its id, of which the probe's keys have the beginning

	starts   []*start
	signed   int // starts up to the last end with failures that was signed
	done     map[simulator.Fault]int
	steer    *steering
	other    *otherStore
	held     bool // its end was that nothing is published: an upload of each key waits until it is given up
	clock    *hostClock
	findings []string

	versioned bool // the bucket
}

// newFaultRun draws a run; some of those into MinIO go into its bucket with versions.
func newFaultRun(seed uint64, stores []store, versioned *store) *faultRun {
	dice := rand.New(rand.NewPCG(seed, 0x6661756c))
	s, versions := stores[dice.IntN(len(stores))], false
	if versioned != nil && s.name == versioned.name && seed%4 == 3 {
		s, versions = *versioned, true
	}
	return &faultRun{versioned: versions, seed: seed, dice: dice, store: s, look: plain{s.server}, prefix: fmt.Sprintf("faults-%d/", seed),
		planted: map[string][]byte{}, uploads: map[string]string{}, exclusive: dice.IntN(2) == 0,
		done: map[simulator.Fault]int{}, steer: newSteering(seed), other: newOtherStore(seed), clock: newHostClock(seed)}
}

func (f *faultRun) found(format string, args ...any) {
	f.findings = append(f.findings, fmt.Sprintf(format, args...))
}

func (f *faultRun) wire(to http.RoundTripper, quiet bool) *simulator.Wire {
	w := &simulator.Wire{Store: to, Patience: 3 * time.Second, Seed: f.dice.Uint64()}
	if quiet {
		return w
	}
	for _, k := range simulator.FaultTable() {
		w.Faults = append(w.Faults, k.Name)
	}
	f.dice.Shuffle(len(w.Faults), func(a, b int) { w.Faults[a], w.Faults[b] = w.Faults[b], w.Faults[a] })
	w.Faults = w.Faults[:3+f.dice.IntN(len(w.Faults)-3)]
	w.Rate = []float64{0.05, 0.15, 0.35}[f.dice.IntN(3)]
	return w
}

// plant puts what nobody may touch below the prefix.
func (f *faultRun) plant() error {
	f.planted[f.prefix+"stranger"] = []byte("not ours")
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(f.want)), func(key string) bool { return strings.HasSuffix(key, "/") })
	if f.dice.IntN(6) == 0 {
		key := keys[f.dice.IntN(len(keys))]
		f.planted[key] = append([]byte("other content: "), f.want[key]...)
	}
	for key, data := range f.planted {
		if _, err := f.look.ask(http.MethodPut, key, nil, data); err != nil {
			return err
		}
	}
	begun := []string{f.prefix + "stranger-upload"}
	if !f.exclusive {
		begun = append(begun, f.prefix+"large-a") // under a key of ours
	}
	for _, key := range begun {
		id, err := f.look.begin(key)
		if err != nil {
			return err
		}
		f.uploads[key] = id
	}
	return nil
}

// taken tells whether somebody else has a key of ours.
func (f *faultRun) taken() bool {
	for key := range f.planted {
		if _, ours := f.want[key]; ours {
			return true
		}
	}
	return false
}

// check holds the store against the source and what was planted; whole: everything
// must be there.
func (f *faultRun) check(whole bool) {
	keys, err := f.look.keys(f.prefix)
	if err != nil {
		f.found("list: %v", err)
		return
	}
	for _, key := range keys {
		want, ours := f.planted[key], true
		if want == nil {
			want, ours = f.want[key]
		}
		if !ours {
			if whole && !f.ownExcused(key) {
				f.found("%q should not be there", key)
			}
			continue
		}
		if got, err := f.look.ask(http.MethodGet, key, nil, nil); err != nil || !bytes.Equal(got, want) {
			f.found("%q has other content (%v)", key, err)
		}
	}
	for key := range f.want {
		if whole && !slices.Contains(keys, key) {
			f.found("%q is missing", key)
		}
	}
	for key := range f.planted {
		if !slices.Contains(keys, key) {
			f.found("somebody else's %q was removed", key)
		}
	}
}

// checkUploads: somebody else's are untouched, none of ours is left without a word.
func (f *faultRun) checkUploads() {
	for _, key := range f.everyKey() {
		ids, err := f.look.uploads(key)
		if err != nil {
			f.found("list uploads: %v", err)
		}
		if id := f.uploads[key]; id != "" && !slices.Contains(ids, id) {
			f.found("somebody else's upload of %q was aborted", key)
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == f.uploads[key] })
		n := f.uploadsExcused(key)
		if _, ours := f.want[key]; ours && f.held {
			n++
		}
		if len(ids) > n {
			f.found("%d uploads of %q are left behind, and what was said of it, and went wrong with it, excuses %d", len(ids), key, n)
		}
	}
}

func (f *faultRun) everyKey() []string {
	keys := slices.Collect(maps.Keys(f.want))
	for attempt := 1; attempt <= 8; attempt++ {
		name := "run-1"
		if attempt > 1 {
			name = fmt.Sprintf("run-1.%d", attempt)
		}
		for _, key := range []string{"parts", "taken"} {
			keys = append(keys, fmt.Sprintf("%s%s%s-%.8s/%s", f.prefix, probe.Prefix, name, f.device, key))
		}
	}
	keys = append(keys, slices.Collect(maps.Keys(f.planted))...)
	keys = append(keys, slices.Collect(maps.Keys(f.uploads))...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// count adds up what went wrong on a wire in a start.
func (f *faultRun) count(s *start, w *simulator.Wire) {
	w.Flush()
	s.met = w.Met()
	for fault, n := range w.Done() {
		f.done[fault] += n
	}
	f.countOther(s)
}

// dying is a transport whose host loses its power.
type dying struct {
	to    http.RoundTripper
	ctx   context.Context
	begun *atomic.Bool // a request was made
}

func (d dying) RoundTrip(r *http.Request) (*http.Response, error) {
	d.begun.Store(true)
	if d.ctx.Err() != nil {
		return nil, d.ctx.Err()
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer context.AfterFunc(d.ctx, cancel)()
	answer, err := d.to.RoundTrip(r.WithContext(ctx))
	if err != nil || d.ctx.Err() != nil {
		cancel()
		return nil, errors.Join(err, d.ctx.Err())
	}
	return answer, nil
}

// inProcess imports goods again and again until they are there.
func (f *faultRun) inProcess() error {
	var large []int
	if f.dice.IntN(2) == 0 {
		large = []int{[]int{5<<20 + 100, 5<<20 + 1, 10<<20 + 7}[f.dice.IntN(3)]}
	}
	goods, err := simulator.NewGoods(f.seed, 1+f.dice.IntN(5), large...)
	if err != nil {
		return err
	}
	f.want, f.device = goods.Objects(f.prefix), goods.Scope().Device.String()
	if err := f.plant(); err != nil {
		return err
	}
	state := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 30})
	readBack := f.dice.IntN(3) == 0
	for attempt := 0; attempt < 8; attempt++ {
		quiet := attempt >= 4
		if quiet {
			f.other.grant()
		}
		var done bool
		if state, done, err = f.start(goods, state, readBack, quiet); err != nil || done {
			return err
		}
	}
	f.found("eight starts, four of them without faults, did not end it")
	return nil
}

// start runs the import once, perhaps to a power cut, and judges how it ended.
func (f *faultRun) start(goods *simulator.Goods, state *vfs.Mem, readBack, quiet bool) (_ *vfs.Mem, done bool, err error) {
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	wire := f.wire(f.behind(base), quiet)
	power, cut := context.WithCancel(context.Background())
	defer cut()
	var begun atomic.Bool
	endpoint, transport := f.store.server.Endpoint, http.RoundTripper(wire)
	if f.dice.IntN(3) == 0 {
		p := newFaultProxy(endpoint, wire)
		defer p.Close()
		own := &http.Transport{}
		defer own.CloseIdleConnections()
		endpoint, transport = p.URL, own
	}
	kill := !quiet && f.dice.IntN(3) == 0
	if kill {
		left := 1 + f.dice.IntN(120)
		var mu sync.Mutex
		state.OnOp(func(vfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if left--; left == 0 {
				state.Halt()
				cut()
			}
			return nil
		})
	}
	s := f.begins()
	o := importer.Options{
		Config: s3.Config{Bucket: f.store.server.Bucket, Endpoint: f.store.server.Endpoint, PathStyle: true, Profile: f.store.name,
			Credentials: &s3.Credentials{AccessKey: f.store.server.AccessKey, SecretKey: f.store.server.SecretKey},
			Transport:   dying{toEndpoint{transport, endpoint}, power, &begun}}, Prefix: f.prefix,
		ReadBack: readBack, ExclusivePrefix: f.exclusive, Concurrency: 3, PartConcurrency: 2, CallTimeout: 2 * time.Second, Backoff: time.Millisecond,
		StateDir: state, RunID: "run-1", ImporterKey: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)),
		Now:     f.clock.Now,
		Problem: func(e *target.Error) { f.hears(s, e.Path, e.Code) },
	}
	if f.dice.IntN(2) == 0 {
		o.HaltWait = 5 * time.Second
	}
	var away *outage
	if !quiet {
		o.Transport = f.steerStart(&o, state, o.Transport)
		away, _ = o.Transport.(*outage)
	} else if f.steer.deferred {
		o.DeferComplete = 1000
	}
	to, err := importer.NewS3(power, o)
	if err != nil {
		return state, false, err
	}
	f.clock.start()
	r, err := importer.Run(f.steer.until(power), goods, to, o)
	f.count(s, wire)
	f.countAway(s, away)
	state.OnOp(nil)
	if power.Err() != nil {
		s.cut = true
		return state.CrashClone(mrand.New(mrand.NewSource(int64(f.dice.Uint64()>>1))), []int{0, 50, 100}[f.dice.IntN(3)]), false, nil
	}
	if r == nil {
		f.found("no result: %v", err)
		return state, true, nil
	}
	f.visible()
	if quiet && f.taken() && errors.As(err, new(*target.Error)) && r.Halt != nil && r.Halt.Code == target.CodeNotPublished {
		f.giveUp(goods, o)
		return state, true, nil
	}
	// An end that was fixed before a power cut is signed as it is: the next start tries again what failed.
	fixed := !r.Finished.IsZero() && !f.clock.told(r.Finished)
	if r.ExitClass() == importer.ExitIncomplete {
		all, err := readFailures(vfs.Std(state), r.Receipts)
		if err != nil {
			return state, false, err
		}
		f.judgeFailures(all, r.Tally.Bad(), o.Concurrency)
	}
	return state, f.judge(s, r, err, quiet && !fixed), nil
}

// judge holds how a start has ended against the store, and against what it met and said.
func (f *faultRun) judge(s *start, r *importer.Result, err error, quiet bool) (done bool) {
	class := r.ExitClass()
	whole := class == importer.ExitComplete
	if f.check(whole); whole && f.versioned {
		f.checkVersions()
	}
	switch class {
	case importer.ExitComplete, importer.ExitIncomplete:
	case importer.ExitFixable:
		f.judgeHalt(s, r.Halt, r.Unfinished, quiet)
	default:
		f.found("ended as %v", class)
	}
	switch {
	case whole && f.taken():
		f.found("a key is taken, and the import ended as complete")
	case whole:
		return true
	case class == importer.ExitIncomplete && f.taken() && quiet && r.Tally.Outcomes[entry.OutcomeConflict] == 1 && r.Tally.Bad() == 1:
		f.check(true)
		return true
	case quiet:
		f.found("a start without faults ended as %v: %v, %v", class, err, s.said)
	}
	return false
}

// toEndpoint sends requests that are signed for a store to a proxy.
type toEndpoint struct {
	to       http.RoundTripper
	endpoint string
}

func (t toEndpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.Host = r.URL.Host
	out.URL.Host = strings.TrimPrefix(t.endpoint, "http://")
	return t.to.RoundTrip(out)
}

// wires are behind one proxy, one after another: a run keeps its endpoint.
type wires struct {
	now atomic.Pointer[http.RoundTripper]
}

func (w *wires) RoundTrip(r *http.Request) (*http.Response, error) {
	return (*w.now.Load()).RoundTrip(r)
}

// byProgram imports a real device by the real program, killing and freezing it.
func (f *faultRun) byProgram(w *world, src string) error {
	f.want, f.exclusive = objectsOf(w.t, src, f.prefix), f.dice.IntN(2) == 0
	if err := f.plant(); err != nil {
		return err
	}
	state := w.path("state-" + strconv.FormatUint(f.seed, 10))
	defer os.RemoveAll(state)
	base, through := &http.Transport{}, &wires{}
	defer base.CloseIdleConnections()
	p := newFaultProxy(f.store.server.Endpoint, through)
	defer p.Close()
	for attempt := 0; attempt < 8; attempt++ {
		quiet := attempt >= 4
		store := f.behind(base)
		away, expires := (*outage)(nil), false
		if quiet {
			f.other.grant()
		} else {
			away, expires = f.steer.outageOfProgram(store)
		}
		wire, retries := f.wire(store, quiet || away != nil), "4"
		to := http.RoundTripper(wire)
		if away != nil {
			away.to, to, retries = wire, away, strconv.Itoa(retriesOfOutage)
		}
		through.now.Store(&to)
		s, log := f.begins(), w.path(fmt.Sprintf("log-%d-%d", f.seed, attempt))
		args := append([]string{"import", "run", "--log", log, "--state", state, "--target", "s3://" + f.store.server.Bucket + "/" + f.prefix,
			"--endpoint", p.URL, "--path-style", "--profile", f.store.name, "--retries", retries}, w.centre()...)
		if f.exclusive {
			args = append(args, "--exclusive-prefix")
		}
		args = append(args, f.steer.flags()...)
		steered := func() {}
		cmd := w.command(args...)
		cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID="+f.store.server.AccessKey, "AWS_SECRET_ACCESS_KEY="+f.store.server.SecretKey)
		after, what := time.Duration(f.dice.IntN(1500))*time.Millisecond, f.dice.IntN(3)
		r := w.finish(cmd, func() {
			if !quiet {
				steered = f.steerProgram(w, state)
				time.AfterFunc(lastsForProgram, f.other.grant) // a run that waits for it goes on by itself
			}
			switch {
			case !quiet && what == 0:
				time.AfterFunc(after, func() { cmd.Process.Kill() })
			case !quiet && what == 1:
				time.AfterFunc(after, func() {
					cmd.Process.Signal(syscall.SIGSTOP)
					time.Sleep(500 * time.Millisecond)
					cmd.Process.Signal(syscall.SIGCONT)
				})
			}
		})
		steered()
		f.visible()
		f.count(s, wire)
		f.countAway(s, away)
		s.cut = r.code == -1
		if err := f.hearsLog(s, log); err != nil && !s.cut {
			return err
		}
		if away != nil {
			f.judgeOutage(s, r, away, expires)
		}
		os.Remove(log)
		f.check(r.code == 0)
		switch {
		case r.code == 0 && f.taken():
			f.found("a key is taken, and the exit code is 0")
			return nil
		case r.code == 0, quiet && f.taken() && r.code == exitConflict:
			return nil
		case quiet && f.taken() && f.steer.deferred && strings.Contains(r.stderr, string(target.CodeNotPublished)):
			f.held = true
			return nil
		case r.code != -1 && r.code != exitTarget && r.code != exitObjects && r.code != exitConflict:
			f.found("exit code %d: %s", r.code, r)
		case quiet && !f.taken():
			f.found("a start without faults: %s", r)
		case r.code != -1 && len(s.said) == 0:
			f.found("exit code %d, and nothing was named: %s", r.code, r)
		}
	}
	f.found("eight starts did not end it")
	return nil
}

// objectsOf is what a source tree becomes.
func objectsOf(t testing.TB, src, prefix string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == src {
			return err
		}
		rel, _ := filepath.Rel(src, name)
		switch {
		case d.IsDir():
			all[prefix+rel+"/"] = nil
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(name)
			all[prefix+rel] = []byte(target)
			return err
		default:
			all[prefix+rel], err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// keptSeeds are those that were findings once.
func keptSeeds(t *testing.T) (seeds []uint64) {
	t.Helper()
	for line := range strings.Lines(readText(t, filepath.Join("testdata", "findings", "import-faults"))) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		number, _, _ := strings.Cut(line, " ")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seeds = append(seeds, n)
	}
	return seeds
}

// TestImportFaults (make import-faults) imports again and again into both real
// servers while requests fail in every way of the table, with power cuts and, for
// one run in sixteen, the real program killed and frozen. A run's seed repeats its
// choices, not the order of its requests: make import-faults RUNS=1 SEED=N. Seeds that
// were findings once (testdata/findings) come first.
func TestImportFaults(t *testing.T) {
	runs := count(t, "SLEDGE_RUNS", 0)
	if runs == 0 {
		t.Skip("SLEDGE_RUNS is not set (make import-faults)")
	}
	seed, err := strconv.ParseUint(os.Getenv("SLEDGE_SEED"), 10, 64)
	if err != nil {
		t.Fatalf("SLEDGE_SEED: %v", err)
	}
	stores, versioned := []store{{"versitygw", s3test.Start(t)}}, (*store)(nil)
	t.Run("minio", func(t2 *testing.T) {
		if _, err := os.Stat(filepath.Join(os.Getenv("SLEDGE_TOOLS"), "minio")); err != nil {
			t2.Skip("minio is not built: scripts/tools.sh minio")
		}
		stores = append(stores, store{"minio", startMinIO(t)})
		s := versionedStore(t, stores[1])
		versioned = &s
	})
	src := makeTree(t, 7, 3, 16<<20+100)
	w := newWorld(t, options{job: []string{"--fips"}})
	w.sealed(src)
	done, found := map[simulator.Fault]int{}, 0
	seeds := keptSeeds(t)
	for i := range uint64(runs) {
		seeds = append(seeds, seed+i)
	}
	for _, n := range seeds {
		f := newFaultRun(n, stores, versioned)
		t.Logf("seed %d, %s", f.seed, f.store.name) // before anything can end the process
		err := error(nil)
		if f.dice.IntN(16) == 0 {
			err = f.byProgram(w, src)
		} else {
			err = f.inProcess()
		}
		if err != nil {
			t.Fatalf("seed %d: %v", f.seed, err)
		}
		f.checkUploads()
		f.look.clear(f.everyKey())
		for fault, n := range f.done {
			done[fault] += n
		}
		for _, text := range f.findings {
			found++
			t.Errorf("seed %d, %s: %s", f.seed, f.store.name, text)
		}
		if len(f.findings) > 0 {
			t.Log(f.story())
		}
	}
	total := 0
	for _, n := range done {
		total += n
	}
	t.Logf("figure: %d runs from seed %d, %d faults of %d kinds, %d findings: %v", runs, seed, total, len(done), found, done)
}
