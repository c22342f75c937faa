package simulator

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	mrand "math/rand"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// life is one device from its job to the last receipt, with all that goes wrong on
// the way, held against a model that is a plain map.
type life struct {
	plan Plan
	rng  *rand.Rand // of the life's shape

	signer, importer ed25519.PrivateKey
	site             *crypto.SiteKey
	code             []byte // the KDF's output for the unlock code
	cfg              appliance.Config
	clock            *Clock
	ledger           *ledger

	state *vfs.Mem   // the device's state folder: its lock
	disks []*vfs.Mem // by name: d00, d01, …
	hurt  map[int]bool
	label []byte
	model *model
	held  map[string]string // what the sealed device holds, by path

	rotten int  // blocks of a stripe that the carrier has spoilt, on any disks
	late   bool // a disk may have lost what had been read back from it
	lost   bool // in one stripe beyond what parity can restore

	others     []*model         // further sources that are on the device
	promises   *promises        // what is told as safe; nil: nobody keeps account
	status     appliance.Status // as it was last told
	capacity   int64            // of a disk
	small      bool             // it may be too little
	leave      bool             // the load is to be left unfinished
	incomplete bool             // it was, or the disks were full: sealed all the same
	scarce     *shortage        // the process lacks descriptors: counts may be missing, and say so
	unlocked   bool             // once
	partial    bool             // the sources are not whole on the device

	bucket *Bucket
	met    map[Trouble]int // events that took effect

	mu   sync.Mutex
	wire map[Fault]int
	log  []string
}

// ledger is the device state's memory of its one checkpoint.
type ledger struct {
	origin string
	size   uint64
	root   [32]byte
	plan   [32]byte

	written [][16]byte
}

func (l *ledger) RecordCheckpoint(origin string, size uint64, root, plan [32]byte) error {
	if l.origin != "" && (l.origin != origin || l.size != size || l.root != root || l.plan != plan) {
		return errors.New("a second checkpoint for one generation")
	}
	l.origin, l.size, l.root, l.plan = origin, size, root, plan
	return nil
}

func (l *ledger) RecordedPlan(string) [32]byte { return l.plan }

func (l *ledger) RecordWritten(_ string, disks [][16]byte) error {
	l.written = slices.Clone(disks)
	return nil
}

func (l *ledger) RecordedWritten(string) [][16]byte { return l.written }

func (l *ledger) RecordedCheckpoint(origin string) (uint64, [32]byte, bool) {
	return l.size, l.root, l.origin == origin
}

// Result is what a life came to.
type Result struct {
	Plan    Plan
	Finding error // nil: every invariant held
	Met     map[Trouble]int
	Wire    map[Fault]int
	Entries int
	Log     []string
}

// Live lives one life. Panics are findings, too.
func Live(ctx context.Context, p Plan) (res *Result) {
	l := newLife(p)
	res = &Result{Plan: p, Met: l.met, Wire: l.wire}
	defer func() {
		if r := recover(); r != nil {
			res.Finding = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
		res.Log = l.log
		if l.model != nil {
			res.Entries = len(l.model.paths())
		}
	}()
	for _, step := range []func(context.Context) error{l.begin, l.loadAll, l.sealAll, l.carryAll, l.importAll} {
		if err := ctx.Err(); err != nil {
			return res
		}
		if err := step(ctx); err != nil {
			if ctx.Err() == nil {
				res.Finding = err
			}
			return res
		}
	}
	return res
}

func newLife(p Plan) *life {
	return &life{plan: p, state: newMem(), rng: rand.New(rand.NewPCG(p.Seed, 0x6c696665)), hurt: map[int]bool{}, met: map[Trouble]int{}, wire: map[Fault]int{}, ledger: &ledger{}, promises: newPromises(), capacity: 1 << 40}
}

func (l *life) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, fmt.Sprintf(format, args...))
}

func (l *life) count(faults map[Fault]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for fault, n := range faults {
		l.wire[fault] += n
	}
}

// shapes are the geometries that lives have.
var shapes = []struct{ k, m, disks int }{{8, 3, 11}, {8, 3, 13}, {3, 2, 5}, {3, 2, 7}, {2, 1, 3}, {1, 1, 2}, {4, 2, 6}}

// begin makes keys, a job, empty disks, and a source.
func (l *life) begin(context.Context) error {
	shape := shapes[l.rng.IntN(len(shapes))]
	l.signer, l.importer = l.key(), l.key()
	device := l.key()
	id, err := manifest.DeviceID(device.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	if l.site, err = crypto.GenerateSiteKey(); err != nil {
		return err
	}
	siteID := crypto.SiteKeyID(l.site.PublicKey())
	l.code = l.bytes(32)
	start := time.Now().UTC()
	l.clock = NewClock(start, time.Duration(l.rng.IntN(3))*time.Second)
	job := &manifest.Job{Serial: 1, Created: start, Expires: start.AddDate(1, 0, 0), Direction: "import",
		Devices:    []manifest.JobDevice{{ID: id, PublicKey: manifest.PublicKey{PublicKey: device.Public().(ed25519.PublicKey)}, Protection: "software key, unprotected"}},
		Geometry:   manifest.JobGeometry{K: shape.k, M: shape.m, BlockSize: 4096 << l.rng.IntN(3), Disks: shape.disks},
		Recipients: []manifest.Recipient{{Kind: string(crypto.WrapSite), PublicKey: l.site.PublicKey(), KeyID: hex.EncodeToString(siteID[:])}},
		Unlock:     manifest.JobUnlock{KDF: crypto.KDFParams{Kind: "pbkdf2-hmac-sha256", Salt: l.bytes(16), Iterations: 100000}, Verifier: crypto.Verifier(l.code)},
		Target:     manifest.JobTarget{URL: "s3://" + bucketName + "/" + keyPrefix, Profile: "generic"},
		Roles:      manifest.JobRoles{Importer: []manifest.PublicKey{{PublicKey: l.importer.Public().(ed25519.PublicKey)}}},
		Policy:     manifest.JobPolicy{FileDigest: []string{"whole", "parts"}[l.rng.IntN(2)], Symlinks: "object", Directories: "object", PackSize: 1 << 20 << l.rng.IntN(3), PackSeconds: 30}}
	job.ID = manifest.ID(l.bytes(16))
	file, err := job.Sign(l.signer)
	if err != nil {
		return err
	}
	l.cfg = appliance.Config{Scope: manifest.Scope{Job: job.ID, Device: id, Generation: 1}, Job: job, JobFile: file, Key: device, Workers: 1 + l.rng.IntN(2), Now: l.clock.Now, Software: "simulator", Ledger: l.ledger}
	more := rand.New(rand.NewPCG(l.plan.Seed, 0x6d6f7265))
	ticks := []time.Duration{0, 10 * time.Millisecond, 2 * time.Second}
	l.clock.Step(ticks[more.IntN(len(ticks))])
	l.model = newModel(rand.New(rand.NewPCG(l.plan.Seed, 0x74726565)), NewClock(start.Add(-time.Hour), ticks[more.IntN(len(ticks))]))
	l.model.oddities(more)
	if l.plan.has(KeysRenamed) {
		l.model.write(oddName, randomBytes(more, sizes(more)))
	}
	if l.plan.has(SmallDisks) {
		l.small, l.capacity = true, l.tight(more)
		l.met[SmallRoom]++
		if more.IntN(3) == 0 {
			l.model.heavy(more)
		}
	}
	for range shape.disks {
		l.disks = append(l.disks, l.newDisk())
	}
	l.say("%d+%d on %d disks, blocks of %d, packs of %d MiB, %d workers, %d paths", shape.k, shape.m, shape.disks, job.Geometry.BlockSize, job.Policy.PackSize>>20, l.cfg.Workers, len(l.model.paths()))
	return nil
}

func (l *life) newDisk() *vfs.Mem { return vfs.NewMem(vfs.MemOptions{Capacity: l.capacity}) }

// tight is a capacity that the source may or may not fit into, beside what the seal
// keeps for itself.
func (l *life) tight(rng *rand.Rand) int64 {
	total := int64(0)
	for _, content := range l.model.now {
		total += bytesOf(content)
	}
	g := l.cfg.Job.Geometry
	share := total * int64(g.K+g.M) / int64(g.K*g.Disks)
	return 18<<20 + share/4 + rng.Int64N(1+2*share+1<<20)
}

func newMem() *vfs.Mem { return vfs.NewMem(vfs.MemOptions{Capacity: 1 << 40}) }

func (l *life) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(l.rng.Uint32())
	}
	return b
}

func (l *life) key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(l.bytes(ed25519.SeedSize)) }

func (l *life) signerKey() ed25519.PublicKey { return l.signer.Public().(ed25519.PublicKey) }

func diskName(i int) string { return fmt.Sprintf("d%02d", i) }

// set gives the disks that are there, each behind the wrapper that wrap gives it.
func (l *life) set(wrap func(i int, m *vfs.Mem) vfs.FS) (disks []appliance.Disk) {
	for i, m := range l.disks {
		if m == nil {
			continue
		}
		d := appliance.Disk{Name: diskName(i), FS: m}
		if wrap != nil {
			if d.FS = wrap(i, m); d.FS == nil {
				continue
			}
		}
		disks = append(disks, d)
	}
	return disks
}

// power is the supply of all disks; cut turns all off at one moment.
type power struct {
	mu    sync.Mutex
	disks []*vfs.Mem
	left  int64             // changing operations until something happens; 0 is never
	from  func(vfs.Op) bool // says when the counting begins; nil is at once
	then  func()
	ops   int64
	off   bool
}

// plug counts the operations of disks, and calls then before one of them.
func plug(disks []*vfs.Mem, after int64, then func(*power)) *power {
	p := &power{disks: disks, left: after}
	p.then = func() { then(p) }
	for _, m := range disks {
		if m != nil {
			m.OnOp(func(op vfs.Op) error { p.op(op); return nil })
		}
	}
	return p
}

// op holds every other operation back until the supply is off everywhere.
func (p *power) op(op vfs.Op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from != nil {
		if !p.from(op) {
			return
		}
		p.from = nil
	}
	if p.ops++; p.ops == p.left {
		p.then()
	}
}

func (p *power) cut() {
	p.off = true
	for _, m := range p.disks {
		if m != nil {
			m.Halt()
		}
	}
}

// unplug ends the counting, and gives the disks as the cut left them: the same
// ones if there was none.
func (p *power) unplug(dice *rand.Rand) (disks []*vfs.Mem, was bool) {
	p.mu.Lock()
	was = p.off
	p.mu.Unlock()
	old := mrand.New(mrand.NewSource(int64(dice.Uint64() >> 1)))
	disks = make([]*vfs.Mem, len(p.disks))
	for i, m := range p.disks {
		switch {
		case m == nil:
		case was:
			disks[i] = m.CrashClone(old, []int{0, 50, 100}[dice.IntN(3)]) // each disk's cache had its own luck
		default:
			m.OnOp(nil)
			disks[i] = m
		}
	}
	return disks, was
}

// hurts tells whether one more disk may be spoilt; m of them may, less the blocks
// that are rotten elsewhere.
func (l *life) hurts(i int) bool {
	if !l.hurt[i] && len(l.hurt)+l.rotten >= l.cfg.Job.Geometry.M {
		return false
	}
	l.hurt[i] = true
	return true
}

// mustName is for an error in the field: it has to say something.
func mustName(err error) error {
	if strings.TrimSpace(err.Error()) == "" {
		return errors.New("an error without a text")
	}
	return nil
}
