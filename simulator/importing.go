package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/bridge"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	bucketName = "bucket"
	keyPrefix  = "in/"
)

// host is a machine in the data centre with its state folder.
type host struct {
	run   string
	state *vfs.Mem
	takes bool // the run over from another host
	steered
	result *importer.Result
	codes  map[string]target.Code // of the problems it named, by path or key
	said   map[target.Code]bool
	mu     sync.Mutex
}

func newHost(run string) *host {
	return &host{run: run, state: newMem(), codes: map[string]target.Code{}, said: map[target.Code]bool{}}
}

// importAll imports, once for each trouble and then without any.
func (l *life) importAll(ctx context.Context) error {
	w := &world{life: l, exclusive: true, mirrored: mirroredLife(l.plan.Seed), deferred: deferredLife(l.plan.Seed),
		taken: map[string]bool{}, hosts: []*host{newHost("run-1")}}
	l.bucket = &Bucket{Name: bucketName, Seed: l.plan.Seed, Now: l.clock.Now, Free: isOwn}
	w.screen = newScreen(l.bucket, w.publishable)
	l.say("journal in the target: %v, published at once: %v", w.mirrored, w.deferred)
	events := l.plan.in(importing)
	for _, e := range events {
		w.prepare(e)
	}
	w.late = w.late && w.allCanBe() && !l.plan.has(TargetSwapped)
	for _, e := range events {
		if err := w.with(ctx, e); err != nil {
			return fmt.Errorf("import, %s: %w", e.What, err)
		}
	}
	if err := w.finish(ctx); err != nil {
		return fmt.Errorf("import without trouble: %w", err)
	}
	return nil
}

// probeLeft tells what a probe could not remove, and named.
func (w *world) probeLeft(key string) bool {
	return slices.ContainsFunc(w.hosts, func(h *host) bool { return h.codes[key] == target.CodeProbeLeft })
}

// isOwn tells the keys that the importer keeps for itself.
func isOwn(key string) bool { return isProbe(key) || isJournal(key) }

// isProbe tells the keys that the importer writes and removes to try a store.
func isProbe(key string) bool { return strings.Contains(key, probe.Prefix) }

// world is the target with those who write to it.
type world struct {
	*life
	hosts         []*host         // the last one is at work
	taken         map[string]bool // keys that hold somebody else's other content
	exclusive     bool
	mirrored      bool // the journal is in the target, too
	deferred      bool // nothing is visible before all is uploaded
	screen        *screen
	readBack      bool
	unconditional bool
	stateLost     bool

	kind      Trouble // by which the store is another one than S3
	swapped   bool    // the target is not that of the first start
	late      bool    // all is published at the end, and what is visible before is not watched
	rules     plan.Rules
	hostClock func(look int) time.Duration
	looks     atomic.Int64
}

func (w *world) host() *host { return w.hosts[len(w.hosts)-1] }

// another host begins, under another run's name.
func (w *world) another() *host {
	h := newHost(fmt.Sprintf("run-%d", len(w.hosts)+1))
	w.hosts = append(w.hosts, h)
	return h
}

// objects is the model of the target: keys and contents.
func (w *world) objects() map[string]string {
	want := map[string]string{}
	for path, content := range w.held {
		kind, text, _ := strings.Cut(content, " ")
		switch kind {
		case "dir":
			want[keyPrefix+path+"/"] = ""
		case "link", "file":
			want[keyPrefix+path] = text
		}
	}
	return want
}

// prepare makes what is in the bucket before anything is imported.
func (w *world) prepare(e Event) {
	dice := e.rng()
	keys := slices.DeleteFunc(sortedKeys(w.objects()), func(key string) bool { return strings.Contains(key, oddName) })
	if len(keys) == 0 {
		return // the disks were full at once
	}
	if slices.Contains(storeTroubles, e.What) {
		w.otherStore(e.What, dice)
	}
	key := keys[dice.IntN(len(keys))]
	switch e.What {
	case KeyTaken:
		if w.bucket.Objects()[key] == nil {
			w.bucket.Plant(key, append([]byte("not "), w.objects()[key]...))
			w.taken[key] = true
			w.met[e.What]++
		}
	case SameObject:
		if w.bucket.Objects()[key] == nil {
			w.bucket.Plant(key, []byte(w.objects()[key]))
			w.met[e.What]++
		}
	case OthersUpload:
		w.bucket.PlantUpload(key)
		w.met[e.What]++
	case ClocksApart:
		w.apart(dice)
	case SecondImport:
		w.exclusive = false
	}
}

// quiet is a wire on which nothing goes wrong.
func (w *world) quiet() *Wire { return &Wire{Store: w.store()} }

// begin opens the device and a host's state folder, until end.
func (w *world) begin(ctx context.Context, h *host, state vfs.FS, wire *Wire) (source entry.Source, to target.Target, o importer.Options, end func(), err error) {
	rd, err := w.reader(w.set(nil))
	if err != nil {
		return nil, nil, o, nil, err
	}
	held, err := importer.HoldState(state)
	if err != nil {
		rd.Close()
		return nil, nil, o, nil, err
	}
	end = func() { held.Close(); rd.Close() }
	o = importer.Options{
		Config: s3.Config{Bucket: bucketName, Endpoint: "http://store.invalid", PathStyle: true, Transport: wire,
			Credentials: &s3.Credentials{AccessKey: "simulator", SecretKey: "simulated-secret"}}, Prefix: keyPrefix,
		ReadBack: w.readBack, AllowUnconditional: w.unconditional, ExclusivePrefix: w.exclusive,
		JournalInTarget: w.mirrored, Concurrency: 4, PartConcurrency: 2, Backoff: time.Microsecond, StateDir: held, RunID: h.run, ImporterKey: w.importer, Software: "simulator", Now: w.hostNow, Rules: w.rules,
		Problem: func(e *target.Error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.said[e.Code] = true
			if h.codes[e.Path] != target.CodeProbeLeft { // what failed there is told after what was left
				h.codes[e.Path] = e.Code
			}
		},
	}
	w.steer(h, &o)
	if w.late {
		o.DeferComplete = 10000
	}
	if h.takes {
		o.TakeOver = time.Nanosecond // it waits as long as it always must
	}
	if to, err = importer.NewS3(ctx, o); err != nil {
		end()
	}
	return bridge.New(rd), to, o, end, err
}

// run is one start of the import on a host.
func (w *world) run(ctx context.Context, h *host, state vfs.FS, wire *Wire) error {
	source, target, o, end, err := w.begin(ctx, h, state, wire)
	if err != nil {
		return err
	}
	defer end()
	h.result, err = importer.Run(ctx, source, target, o)
	w.count(wire.Done())
	return w.touched(err)
}

// touched adds what was done to somebody else's to how a call ended.
func (w *world) touched(err error) error {
	if bad := append(w.bucket.Violations(), w.screen.findings()...); len(bad) > 0 {
		return fmt.Errorf("%w: %s", errTouched, strings.Join(bad, "; "))
	}
	return err
}

// errTouched is a finding: something of somebody else's was touched.
var errTouched = errors.New("not ours")

// survived is the end of a start in which something went wrong.
func (w *world) survived(err error) error {
	if errors.Is(err, errTouched) {
		return err
	}
	if err == nil {
		return nil
	}
	w.say("ended by: %v", err)
	if errors.As(err, new(*target.Error)) {
		return nil // it has a code; what it comes to shows the last start
	}
	for _, excuse := range []error{context.Canceled, errDead, vfs.ErrHalted, syscall.ENOSPC} {
		if errors.Is(err, excuse) {
			return nil
		}
	}
	if w.lost && (errors.Is(err, appliance.ErrLost) || errors.Is(err, appliance.ErrTooFewDisks)) {
		return nil
	}
	return fmt.Errorf("%w: the import has no code for: %w", errNotBorne, err)
}

func (w *world) with(ctx context.Context, e Event) error {
	dice := e.rng()
	h := w.host()
	switch e.What {
	case WireFails:
		w.met[e.What]++
		kinds := WireFaults()
		dice.Shuffle(len(kinds), func(a, b int) { kinds[a], kinds[b] = kinds[b], kinds[a] })
		wire := &Wire{Store: w.store(), Lose: w.lose, Patience: time.Millisecond, Seed: e.Dice, Rate: []float64{0.02, 0.1, 0.4}[dice.IntN(3)], Faults: kinds[:1+dice.IntN(len(kinds))]}
		err := w.run(ctx, h, h.state, wire)
		w.say("wire: %v", wire.Done())
		return w.survived(err)
	case StoreAway, CredentialsExpire:
		return w.away(ctx, e, h, dice)
	case ImportPaused, HoursEnd:
		return w.heldOnce(ctx, e, h, dice)
	case PausedHost, AsleepHost:
		if !w.mirrored {
			return nil
		}
		return w.heldHost(ctx, e, h, dice)
	case HostCrash, ImportCtrlC:
		return w.interrupted(ctx, e.What, h, dice)
	case StateFull:
		full := vfs.NewFault(h.state, vfs.Rule{Op: vfs.OpWrite, AfterBytes: 1 + dice.Int64N(200000), Err: syscall.ENOSPC})
		w.met[e.What]++
		return w.survived(w.run(ctx, h, full, w.quiet()))
	case StateLost:
		if h.result == nil {
			return nil
		}
		w.met[e.What]++
		w.stateLost = true
		w.another()
	case SecondImport:
		w.met[e.What]++
		return w.both(ctx)
	case DoubleImport:
		return w.doubledImport(ctx, h, dice)
	case TargetEmptied, TargetSwapped:
		return w.targetGone(ctx, e.What, h, dice)
	case OtherHost, OtherCancel:
		if !w.mirrored || w.swapped {
			return nil
		}
		if e.What == OtherCancel {
			return w.otherCancel(ctx, h, dice)
		}
		return w.otherHost(ctx, h, dice)
	}
	return nil
}

func (w *world) interrupted(ctx context.Context, what Trouble, h *host, dice *rand.Rand) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := plug([]*vfs.Mem{h.state}, 1+dice.Int64N(200), func(p *power) {
		w.met[what]++
		if what == ImportCtrlC {
			cancel()
		} else {
			p.cut()
		}
	})
	err := w.run(ctx, h, h.state, w.quiet())
	disks, _ := p.unplug(dice)
	h.state = disks[0]
	if ctx.Err() != nil && !errors.Is(err, errTouched) {
		w.say("stopped: %v", err)
		return nil
	}
	return w.survived(err)
}

// both lets a second host import the same device at the same time.
func (w *world) both(ctx context.Context) error {
	first, second := w.host(), newHost(fmt.Sprintf("run-%d", len(w.hosts)+1))
	w.hosts = slices.Insert(w.hosts, len(w.hosts)-1, second)
	var err error
	var done sync.WaitGroup
	done.Go(func() { err = w.run(ctx, second, second.state, w.quiet()) })
	firstErr := w.run(ctx, first, first.state, w.quiet())
	done.Wait()
	return errors.Join(w.survived(firstErr), w.survived(err))
}

// finish imports without trouble and holds the target, the result and the receipts
// against the model.
func (w *world) finish(ctx context.Context) error {
	h := w.host()
	err := w.run(ctx, h, h.state, w.quiet())
	for again, anew := w.goneOn(err); again; again, anew = w.goneOn(err) {
		w.say("halted: %v", err)
		if anew {
			h = w.another()
		}
		err = w.run(ctx, h, h.state, w.quiet())
	}
	if coded(err, target.CodeNotPublished) {
		h, err = w.publishAlone(ctx, h, err)
	}
	if errors.Is(err, errTouched) {
		return err
	}
	if w.lost && err != nil && h.result == nil {
		return w.lostWhole(err)
	}
	if err != nil && !w.lost {
		return err
	}
	if err := w.compare(h); err != nil {
		return err
	}
	w.bucket.Traits.HeadLags = 0 // the auditor comes later
	if h.result.Receipts == "" {
		if w.lost {
			return nil // a page of the manifest is lost, so there is no whole list
		}
		return errors.New("no receipts")
	}
	return w.receipts(ctx, h)
}

// lostWhole: the device could not be opened at all, which only lost pages excuse.
func (w *world) lostWhole(err error) error {
	if !errors.Is(err, appliance.ErrLost) && !errors.Is(err, appliance.ErrTooFewDisks) {
		return err
	}
	w.say("cannot be imported: %v", err)
	return nil
}

// compare holds the bucket against the model and the result's words against both.
func (w *world) compare(h *host) error {
	var bad []string
	want, have := w.objects(), w.bucket.Objects()
	missing := 0
	for key, content := range want {
		o := have[key]
		path := strings.TrimSuffix(strings.TrimPrefix(key, keyPrefix), "/")
		code := h.code(path, key)
		switch {
		case w.taken[key]:
			if code != target.CodeConflict && !w.lost && !noKey(path, w.held[path]) {
				bad = append(bad, fmt.Sprintf("%q is taken, and that was called %q", key, code))
			}
		case noKey(path, w.held[path]):
			missing++
			if code == "" && !w.lost {
				bad = append(bad, fmt.Sprintf("%q cannot be a key, and nobody said so", key))
			}
			if o != nil && !o.Foreign {
				bad = append(bad, fmt.Sprintf("%q cannot be a key, and was stored", key))
			}
		case w.cannotKeep(key):
			missing++
			if code == "" && !w.lost {
				bad = append(bad, fmt.Sprintf("%q is not kept under its own name, and nobody said so", key))
			}
			if o != nil && !o.Foreign {
				bad = append(bad, fmt.Sprintf("%q is there, which the store does not keep", key))
			}
		case o != nil && w.bucket.Traits.HeadLags > 0 && (code == target.CodeMissing || code == target.CodeConflict) && h.result.Tally.Bad() > 0:
			missing++ // so the target says
		case w.lacksLock(o, h.run):
			missing++
			if code != target.CodeAttributeMissing && !w.lost {
				bad = append(bad, fmt.Sprintf("%q has no lock, and that was called %q", key, code))
			}
		case o == nil && w.swapped && code == target.CodeAttributeMissing:
			missing++ // it failed before the target was another one, and that end is signed as it was
		case o == nil:
			missing++
			if !w.lost {
				bad = append(bad, fmt.Sprintf("%q is not in the target (%q)", key, code))
			} else if code == "" && h.result.Halt == nil && h.result.Unfinished == 0 && h.result.Receipts != "" {
				bad = append(bad, fmt.Sprintf("%q is not in the target, and nobody said so", key))
			}
		case o.Wrong && w.readBack:
			if code != target.CodeStoredWrong && code != target.CodeConflict { // an earlier run's is not ours
				bad = append(bad, fmt.Sprintf("%q is stored wrong, and read-back called that %q", key, code))
			}
		case string(o.Data) != content && !o.Wrong:
			bad = append(bad, fmt.Sprintf("%q differs from the source", key))
		}
	}
	for key, o := range have {
		if _, ok := want[key]; !ok && !o.Foreign && !w.probeLeft(key) && !isJournal(key) {
			bad = append(bad, fmt.Sprintf("%q should not be in the target", key))
		}
	}
	bad = append(bad, w.journalLeft(h)...)
	if w.tagsUntold(h.run) && !w.lost {
		bad = append(bad, "tags were dropped, and nobody said so")
	}
	if left := slices.DeleteFunc(w.bucket.Uploads(), w.probeLeft); len(left) > 0 && h.result.LeftUploads == 0 && !w.stateLost && w.exclusive {
		bad = append(bad, fmt.Sprintf("uploads of %q were left behind unnamed", left))
	}
	if w.lost && !w.partial && missing > 0 && missing == len(want) && h.result.Receipts != "" {
		bad = append(bad, "one lost stripe, and nothing was imported")
	}
	if err := w.ending(h, missing); err != nil {
		bad = append(bad, err.Error())
	}
	return list(bad)
}

func (h *host) code(path, key string) target.Code {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.codes[path]; c != "" {
		return c
	}
	return h.codes[key]
}

// ending: success is said only of what is whole.
func (w *world) ending(h *host, missing int) error {
	wrong := 0
	for _, o := range w.bucket.Objects() {
		if o.Wrong {
			wrong++
		}
	}
	failures := missing + len(w.taken)
	if w.readBack {
		failures += wrong
	}
	class := h.result.ExitClass()
	skipped := w.imperfect()
	switch {
	case failures > 0 && (class == importer.ExitComplete || class == importer.ExitSkipped):
		return fmt.Errorf("%d objects are not right, and the import ended as %v", failures, class)
	case w.incomplete && !w.lost && class != importer.ExitIncomplete:
		return fmt.Errorf("sealed before its source was loaded whole, and the import ended as %v", class)
	case w.incomplete:
	case failures == 0 && !w.lost && !skipped && class != importer.ExitComplete:
		return fmt.Errorf("everything is there, and the import ended as %v: %v", class, h.result.Differences)
	case failures == 0 && !w.lost && skipped && class != importer.ExitSkipped:
		return fmt.Errorf("the loader left entries out, and the import ended as %v", class)
	}
	return nil
}

// imperfect tells whether the loader has left entries out, or has told of failed looks;
// readBack has held the device's own words against this.
func (w *world) imperfect() bool {
	if w.promises != nil {
		return w.promises.imperfect()
	}
	for _, content := range w.held {
		if strings.HasPrefix(content, "skipped ") {
			return true
		}
	}
	return false
}

// receipts are checked by the independent verifier, and against the target by who
// may only read there, with every object read back.
func (w *world) receipts(ctx context.Context, h *host) error {
	dir, err := fs.Sub(vfs.Std(h.state), h.result.Receipts)
	if err != nil {
		return err
	}
	o := fsck.ReceiptOptions{Options: fsck.Options{Trust: &fsck.Trust{Key: w.signerKey()}, Label: w.label, Workers: 1}}
	for _, d := range w.set(nil) {
		o.Disks = append(o.Disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	rep, err := fsck.VerifyReceipts(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	if rep.Complete != h.result.Complete || rep.Verdict > fsck.VerdictRepairable && h.result.Complete {
		return fmt.Errorf("receipts: complete %v, the import said %v; %v: %v", rep.Complete, h.result.Complete, rep.Verdict, texts(rep.Findings))
	}
	text, err := fs.ReadFile(dir, "objects.list")
	if err != nil {
		return err
	}
	opts := importer.Options{Config: s3.Config{Bucket: bucketName, Endpoint: "http://store.invalid", PathStyle: true, Transport: w.quiet(), Credentials: &s3.Credentials{AccessKey: "auditor", SecretKey: "simulated-secret"}}, Prefix: keyPrefix}
	target, err := importer.NewS3(ctx, opts)
	if err != nil {
		return err
	}
	audit, err := audit.Objects(ctx, bytes.NewReader(text), target, audit.ObjectOptions{By: audit.ByReadBack, Concurrency: 4, Backoff: time.Microsecond})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	lies := uint64(0)
	for key, o := range w.bucket.Objects() {
		if _, ours := w.objects()[key]; ours && o.Wrong && !w.readBack {
			lies++
		}
	}
	if audit.Differences != lies || audit.NotCompared != 0 || audit.Same+lies != audit.Objects {
		return fmt.Errorf("audit: %d of %d the same, %d differ, %d without an answer; the store lies about %d", audit.Same, audit.Objects, audit.Differences, audit.NotCompared, lies)
	}
	return nil
}
