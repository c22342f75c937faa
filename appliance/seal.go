package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Ledger remembers, outside the disks and across crashes, the one checkpoint
// that the device key signs for a generation. The firmware's device state is one.
type Ledger interface {
	// RecordCheckpoint makes the size and root durable before they are signed. It
	// refuses another size or root for the same origin.
	RecordCheckpoint(origin string, size uint64, root [32]byte) error
	// RecordedCheckpoint gives what was recorded.
	RecordedCheckpoint(origin string) (size uint64, root [32]byte, ok bool)
}

// SealOptions say what a seal may do without.
type SealOptions struct {
	Absent        []int  // bays whose disk is not here; its copy of the unlock wrap lives on
	WrapAnswer    string // the site's answer to the wrap check
	WrapUnchecked bool
	Degraded      bool // packs with lost shards stay as they are
	Incomplete    bool // the source has not been loaded whole
	Unverified    bool // what was never read back from the disks is not read now
	DeviceKey     string
	Ledger        Ledger
	Counted       func(skipped, remarked, givenUp uint64) error // called before the checkpoint is recorded; nil is none
	Stage         func(name string)
	ReadBack      func(done, total int64) // bytes of what is read back before the seal; nil is no progress
}

// SealResult is what leaves the device.
type SealResult struct {
	Label      []byte
	Checkpoint []byte
	Statement  manifest.SealStatement
	Totals     manifest.Totals // of the manifest; zero if an earlier call wrote it
	Remarked   uint64          // entries whose last look failed, or did not get all
	Dropped    uint64          // versions below what is no folder any more
	GivenUp    uint64          // entries of loads that were given up
}

// ErrIncomplete: the source has not been loaded whole.
var ErrIncomplete = errors.New("the load has not finished")

// ErrAbsent: a disk of the set is not here, and was not named as absent.
var ErrAbsent = errors.New("a disk of the set is missing")

// ErrNoBay: the device does not have such a bay.
var ErrNoBay = errors.New("this device has other bays")

// ErrDegraded: packs have lost shards.
var ErrDegraded = errors.New("some packs have lost shards")

// Seal makes the generation final:
//
//  1. pages and index packs from the journal's records      crash: swept, made again under new ids
//  2. the log's files on every disk, fsynced                 crash: removed, written again
//  3. what the seal statement will say, on every disk        crash: replaced
//  4. size and root recorded in the ledger                   crash before: 1; after: FinishSeal
//  5. statement and checkpoint signed and on every disk      crash: FinishSeal writes the same bytes
//  6. journal removed, unlock wraps overwritten              crash: FinishSeal goes on
//
// Before step 4 nothing is final and a repeated Seal starts at 1.
func (d *Device) Seal(ctx context.Context, o SealOptions) (*SealResult, error) {
	check, err := d.mayBeSealed(&o)
	if err != nil {
		return nil, err
	}
	stage := o.Stage
	if stage == nil {
		stage = func(string) {}
	}
	stage("read-back")
	if err := d.readBeforeSeal(ctx, &o); err != nil {
		return nil, err
	}
	d.start(1) // index packs are written one at a time
	defer d.stop()
	if err := d.closeJournal(); err != nil {
		return nil, err
	}
	// An attempt before this one may have left its index, a load its unfinished packs.
	if err := d.sweep(); err != nil {
		return nil, err
	}
	stage("index")
	w := &indexWriter{d: d}
	defer w.close()
	if err := w.write(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := w.needed(); err != nil {
		return nil, err
	}
	if err := d.scanTotals(w); err != nil {
		return nil, err
	}
	stage("log")
	size, root, degraded, err := d.writeLog(w, &o)
	if err != nil {
		return nil, err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	stage("read-back of the index")
	if err := d.readAfterIndex(ctx, slices.Concat(w.packs, w.standIns), &o); err != nil {
		return nil, err
	}
	stage("statement")
	st := d.statement(size, root, degraded, check, &o)
	st.ScanComplete = st.ScanComplete && w.givenUp == 0
	if err := d.planStatement(st); err != nil {
		return nil, err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	if err := d.closeJournal(); err != nil { // of the index packs: FinishSeal removes it
		return nil, err
	}
	if _, err := d.readLog(manifest.Checkpoint{Origin: d.cfg.Scope.Origin(), Size: size, Root: root}); err != nil {
		return nil, err
	}
	if o.Counted != nil {
		if err := o.Counted(w.totals.Skipped, w.remarked, w.givenUp); err != nil {
			return nil, err
		}
	}
	if err := o.Ledger.RecordCheckpoint(d.cfg.Scope.Origin(), size, root); err != nil {
		return nil, err
	}
	stage("checkpoint")
	res, err := finishSeal(d.cfg, o.Ledger, o.Absent)
	if res != nil {
		res.Totals, res.Remarked, res.Dropped, res.GivenUp = w.totals, w.remarked, w.dropped, w.givenUp
	}
	return res, err
}

func (d *Device) closeJournal() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.endJournal()
}

// mayBeSealed applies the seal's conditions and returns how the wrap was checked.
func (d *Device) mayBeSealed(o *SealOptions) (string, error) {
	if o.Ledger == nil {
		return "", errors.New("seal without a ledger")
	}
	if d.broken != nil {
		return "", fmt.Errorf("the journal could not be written; open the device again: %w", d.broken)
	}
	for _, n := range o.Absent {
		if n < 0 || n >= len(d.bays) {
			return "", fmt.Errorf("bay %d: %w: bays 0 to %d", n, ErrNoBay, len(d.bays)-1)
		}
		if b := d.bays[n]; b != nil && b.failed() == nil {
			return "", fmt.Errorf("bay %d: %w: %s; only a missing disk can be absent", n, ErrBayHere, b.disk.Name)
		}
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return "", err
	}
	if err := d.complete(); err != nil && !(o.Incomplete && errors.Is(err, ErrIncomplete)) {
		return "", err
	}
	if o.WrapUnchecked {
		return "unchecked", nil
	}
	bundle, err := d.WrapCheck()
	if err != nil {
		return "", err
	}
	if o.WrapAnswer == "" {
		return "", ErrNeedsAnswer
	}
	if !manifest.SameWrapAnswer(o.WrapAnswer, manifest.WrapAnswer(d.key, bundle)) {
		return "", fmt.Errorf("the answer %q is not the site's answer for this device: %w", o.WrapAnswer, ErrNeedsAnswer)
	}
	return "answered", nil
}

// complete is ErrIncomplete where nothing was loaded, or a load has not ended.
func (d *Device) complete() error {
	lists, err := d.findLists()
	if err != nil {
		return err
	}
	loaded := false
	for _, l := range lists {
		begun, finished := d.state.begun(l.copies.id), d.finished(l)
		if begun && !finished {
			return fmt.Errorf("%w: %d of %d entries of %s are on the device", ErrIncomplete, d.state.lists[l.copies.id].count(), l.tail.Count, l.head.root())
		}
		loaded = loaded || finished
	}
	if !loaded {
		return fmt.Errorf("%w: nothing has been loaded", ErrIncomplete)
	}
	return nil
}

// nothingFailed tells whether all bays but the named ones have a working disk.
func (d *Device) nothingFailed(absent []int) error {
	if err := d.bays.own(); err != nil {
		return err
	}
	var unnamed []int
	for _, n := range d.bays.missing() {
		if !slices.Contains(absent, n) {
			unnamed = append(unnamed, n)
		}
	}
	if len(unnamed) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s missing or failed", ErrAbsent, bayList(unnamed))
	return errors.Join(append([]error{err}, d.bays.errors()...)...)
}

// WrapCheck is the bundle that the site answers: its wrap, signed, and one pack's
// header. It is the same at every call.
func (d *Device) WrapCheck() ([]byte, error) {
	wraps, err := d.wraps()
	if err != nil {
		return nil, err
	}
	c := manifest.WrapCheck{JobSHA256: crypto.SumSHA256(d.cfg.JobFile)}
	for _, w := range wraps {
		if w.entry.Kind == manifest.WrapHPKE {
			c.Wrap = w.file
			if c.WrapEntry, err = w.entry.Encode(); err != nil {
				return nil, err
			}
			break
		}
	}
	err = d.eachFrame(func(fr frame) error {
		p, err := d.clearEntry(fr.clear)
		if err != nil || p == nil {
			return err
		}
		p.Lost = nil
		if c.PackEntry, err = p.Encode(); err != nil {
			return err
		}
		return errStopped
	})
	if err != nil && !errors.Is(err, errStopped) {
		return nil, err
	}
	if c.Wrap == nil || c.PackEntry == nil {
		return nil, ErrNoPack
	}
	c.WrapSignature = manifest.SignEntry(d.cfg.Key, manifest.WrapEntryContext, d.cfg.Scope, c.WrapEntry)
	c.PackSignature = manifest.SignEntry(d.cfg.Key, manifest.PackEntryContext, d.cfg.Scope, c.PackEntry)
	return c.Encode(), nil
}

// wrapFile is a wrap with its log entry.
type wrapFile struct {
	name  string
	file  []byte
	entry *manifest.WrapEntry
}

// wraps reads the wraps of a healthy disk, by name.
func (d *Device) wraps() ([]wrapFile, error) {
	var ages [][32]byte
	for _, r := range d.cfg.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			ages = append(ages, crypto.AgeKeyID(r.Recipient))
		}
	}
	var out []wrapFile
	for _, b := range d.bays.healthy() {
		files, err := readWraps(b.disk.FS)
		if err != nil {
			return nil, err
		}
		out = nil
		site := false
		for name, file := range files {
			e := &manifest.WrapEntry{Kind: manifest.WrapAge, SHA256: crypto.SumSHA256(file), Recipients: ages, Check: d.keys.Check(), Generation: d.cfg.Scope.Generation}
			if strings.HasSuffix(name, ".wrap") {
				w, err := manifest.DecodeWrap(file)
				if err != nil {
					return nil, err
				}
				e.Kind, e.Recipients, site = manifest.WrapHPKE, [][32]byte{[32]byte(w.KeyID)}, true
			}
			out = append(out, wrapFile{name, file, e})
		}
		if site && (len(ages) > 0) == slices.ContainsFunc(out, func(w wrapFile) bool { return w.entry.Kind == manifest.WrapAge }) {
			break
		}
	}
	slices.SortFunc(out, func(a, b wrapFile) int { return strings.Compare(a.name, b.name) })
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no disk has the wraps of the load key", ErrLost)
	}
	return out, nil
}

// sourceBytes is the size of a regular file of the source, each name once.
func sourceBytes(r *manifest.Record) int64 {
	if hasContent(r.Kind) {
		return r.Size
	}
	return 0
}

// scanTotals are what the scans found: all that the manifest holds, skipped entries
// included, and what unfinished loads have left out; what was given up is counted apart.
func (d *Device) scanTotals(w *indexWriter) error {
	t := &w.totals
	t.ScanEntries, t.ScanBytes = t.Entries(), uint64(w.sourceBytes)
	lists, err := d.unfinished()
	if err != nil {
		return err
	}
	given, err := d.givenUp()
	if err != nil {
		return err
	}
	for _, l := range given {
		w.givenUp += d.rest(l)
	}
	for _, l := range lists {
		st := d.state.lists[l.copies.id]
		t.ScanEntries += d.rest(l)
		if st != nil {
			t.ScanBytes += uint64(max(0, l.tail.Bytes-st.bytes))
		} else {
			t.ScanBytes += uint64(l.tail.Bytes)
		}
	}
	return nil
}

// writeLog writes the log's files to every healthy disk.
func (d *Device) writeLog(w *indexWriter, o *SealOptions) (size uint64, root [32]byte, degraded uint64, err error) {
	err = d.bays.eachWithRoom(func(b *bay) error {
		if err := durable.RemoveAll(b.disk.FS, logDir, 1<<22); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return durable.MkdirAll(b.disk.FS, logDir)
	})
	if err != nil {
		return 0, root, 0, err
	}
	log := manifest.NewLogWriter(func(name string, data []byte) error {
		return d.bays.eachWithRoom(func(b *bay) error {
			full := logDir + "/" + name
			if err := durable.MkdirAll(b.disk.FS, full[:strings.LastIndexByte(full, '/')]); err != nil {
				return err
			}
			return durable.WriteFile(b.disk.FS, full, data)
		})
	})
	if degraded, err = d.logEntries(log, w, o); err != nil {
		return 0, root, 0, err
	}
	size, root, err = log.Finish()
	return size, root, degraded, err
}

// logEntries appends everything in the order of docs/format.md section 5.2.
func (d *Device) logEntries(log *manifest.LogWriter, w *indexWriter, o *SealOptions) (degraded uint64, err error) {
	add := func(b []byte, err error) error {
		if err == nil {
			_, err = manifest.DecodeEntry(b) // what no reader takes must not go on record
		}
		if err == nil {
			_, err = log.Append(b)
		}
		return err
	}
	pos := uint64(1)
	start := manifest.Start{Scope: d.cfg.Scope, JobSerial: d.cfg.Job.Serial, JobSHA256: crypto.SumSHA256(d.cfg.JobFile), Bays: len(d.bays), Unlocked: d.firstUnlock()}
	if err := add(start.Encode()); err != nil {
		return 0, err
	}
	wraps, err := d.wraps()
	if err != nil {
		return 0, err
	}
	for _, f := range wraps {
		if err := add(f.entry.Encode()); err != nil {
			return 0, err
		}
		pos++
	}
	for _, e := range d.sealEvents(o) {
		if err := add(e, nil); err != nil {
			return 0, err
		}
		pos++
	}
	end := manifest.End{FirstPack: pos, Packs: d.state.packs, Pages: w.pages, IndexPacks: uint64(len(w.packs)), BodySize: uint64(d.state.body)}
	end.FirstPage = end.FirstPack + end.Packs
	end.FirstIndex = end.FirstPage + end.Pages
	err = w.logEntries(func(number uint64, entry []byte, lost int) error {
		if m := d.cfg.Job.Geometry.M; lost > m {
			return notSealable(1, number)
		}
		if lost > 0 {
			degraded++
			if !o.Degraded {
				return fmt.Errorf("%w: pack %d lacks %d of its shards", ErrDegraded, number, lost)
			}
		}
		return add(entry, nil)
	})
	if err != nil {
		return 0, err
	}
	for _, p := range w.packs {
		if err := add(p.Encode()); err != nil {
			return 0, err
		}
	}
	end.BodySize += uint64(w.standInBytes) // wraps around where stand-ins are shorter
	if end.Totals, err = d.keys.SealTotals(w.totals); err != nil {
		return 0, err
	}
	return degraded, add(end.Encode())
}

// sealEvents are the journalled events and those of the seal itself. Their number
// is bounded: what is over is summed up in one.
func (d *Device) sealEvents(o *SealOptions) [][]byte {
	const maxEvents = 100000
	events := d.state.events
	if len(events) > maxEvents {
		events = events[:maxEvents]
	}
	out := append(slices.Clone(events), d.cfg.allowedEvents()...)
	for _, n := range o.Absent {
		e := manifest.Event{Time: d.cfg.Now().UTC(), What: "disk-absent", Text: "absent at seal", Bay: n}
		if b, err := e.Encode(); err == nil {
			out = append(out, b)
		}
	}
	return out
}

// firstUnlock is when the disks were prepared.
func (d *Device) firstUnlock() (t time.Time) {
	for _, b := range d.bays.healthy() {
		if h, err := ReadHeader(b.disk); err == nil && !h.Created.IsZero() && (t.IsZero() || h.Created.Before(t)) {
			t = h.Created
		}
	}
	return t
}

func (d *Device) statement(size uint64, root [32]byte, degraded uint64, check string, o *SealOptions) manifest.SealStatement {
	recovery := "none"
	for _, r := range d.cfg.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			recovery = "post-quantum"
			if d.cfg.Job.Policy.ClassicRecovery {
				recovery = "not post-quantum"
			}
		}
	}
	absent := o.Absent
	if absent == nil {
		absent = []int{}
	}
	word, unread := d.readBackWord(o)
	return manifest.SealStatement{Version: manifest.Version, Critical: []string{}, Job: d.cfg.Scope.Job, Device: d.cfg.Scope.Device, Generation: d.cfg.Scope.Generation,
		JobSerial: d.cfg.Job.Serial, JobSHA256: fmt.Sprintf("%x", crypto.SumSHA256(d.cfg.JobFile)), LogSize: size, LogRoot: root[:], Disks: len(d.bays),
		AbsentBays: absent, Degraded: degraded, WrapCheck: check, DeviceKey: o.DeviceKey, Recovery: recovery, Sealed: d.cfg.Now().UTC(), Software: d.cfg.Software,
		ScanComplete: !o.Incomplete, ReadBack: word, UnreadPacks: unread, SharedDisks: d.cfg.Allowed.Shared, Filesystems: d.cfg.Allowed.Filesystems}
}

// planName is the statement's predicate, kept until it is signed: nothing is
// signed before the ledger has the checkpoint.
const planName = tmpDir + "/seal.json"

func (d *Device) planStatement(st manifest.SealStatement) error {
	b, err := json.Marshal(d.newPlan(st))
	if err != nil {
		return err
	}
	return d.bays.eachWithRoom(func(b2 *bay) error { return durable.WriteFile(b2.disk.FS, planName, b) })
}

// FinishSeal does what is left once size and root are in the ledger: it makes sure
// that every disk has the log and its shards, and writes from the others what one
// lacks; it signs the checkpoint, writes it to every disk, removes the journal and
// destroys the unlock wraps. Nothing is signed while a shard that the log names is
// neither there nor can be made again: ErrLost. It needs no load key and may be
// repeated.
func FinishSeal(c Config, ledger Ledger, absent []int) (*SealResult, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	held, err := holdDisks(c.Disks)
	if err != nil {
		return nil, err
	}
	defer held.release()
	return finishSeal(c, ledger, absent)
}

func finishSeal(c Config, ledger Ledger, absent []int) (*SealResult, error) {
	size, root, ok := ledger.RecordedCheckpoint(c.Scope.Origin())
	if !ok {
		return nil, errors.New("no seal has begun")
	}
	set, err := c.matchBays()
	if err != nil {
		return nil, err
	}
	d := &Device{cfg: c, bays: set}
	if err := d.nothingFailed(absent); err != nil {
		return nil, err
	}
	if err := d.completeDisks(manifest.Checkpoint{Origin: c.Scope.Origin(), Size: size, Root: root}); err != nil {
		return nil, err
	}
	if err := d.nothingFailed(absent); err != nil {
		return nil, err
	}
	cp, err := manifest.SignCheckpoint(c.Scope.Origin(), size, root, c.Key)
	if err != nil {
		return nil, err
	}
	st, env, err := d.signStatement(root, cp)
	if err != nil {
		return nil, err
	}
	set.each(func(b *bay) error {
		if err := durable.WriteFile(b.disk.FS, sealName, env); err != nil {
			return err
		}
		return durable.WriteFile(b.disk.FS, cpName, cp)
	})
	if err := d.nothingFailed(absent); err != nil {
		return nil, err
	}
	set.each(destroyKeys)
	if err := d.nothingFailed(absent); err != nil {
		return nil, err
	}
	label := manifest.Label{Scope: c.Scope, Disks: len(set), JobSerial: c.Job.Serial, JobSHA256: crypto.SumSHA256(c.JobFile), Checkpoint: cp}
	return &SealResult{Label: label.Encode(), Checkpoint: cp, Statement: *st}, nil
}

// signStatement takes the statement that a disk already has, or signs the plan.
func (d *Device) signStatement(root [32]byte, cp []byte) (*manifest.SealStatement, []byte, error) {
	dev, _ := d.cfg.Job.Device(d.cfg.Scope.Device)
	set := d.bays.set()
	for _, env := range set.copies(sealName, 0, manifest.MaxStatement) {
		var st manifest.SealStatement
		if _, _, err := manifest.OpenStatement(env, manifest.PredicateSeal, &st, dev.PublicKey.PublicKey); err == nil && bytes.Equal(st.LogRoot, root[:]) {
			return &st, env, nil
		}
	}
	if plan := findPlan(set, root); plan != nil {
		st := plan.SealStatement
		env, err := manifest.SignStatement(manifest.PredicateSeal, []manifest.Subject{manifest.SHA256Subject("checkpoint", cp)}, st, d.cfg.Key)
		return &st, env, err
	}
	return nil, nil, set.own.or(fmt.Errorf("%w: no disk has the seal statement", ErrLost))
}

// destroyKeys removes what only loading needs. The unlock wrap goes first and is
// overwritten: with the code it opened everything.
func destroyKeys(b *bay) error {
	if err := destroyUnlock(b.disk.FS); err != nil {
		return err
	}
	// What a crash left of files that were being written.
	for _, dir := range []string{Root, wrapsDir, logDir, Root + "/statements"} {
		if err := durable.Sweep(b.disk.FS, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{journalDir, tmpDir} {
		if err := durable.RemoveAll(b.disk.FS, dir, 1<<20); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// destroyUnlock overwrites the unlock wrap and what a crash left of it half written.
func destroyUnlock(disk vfs.FS) error {
	list, err := disk.ReadDir(wrapsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), "unlock") && !e.IsDir() {
			if err := durable.Overwrite(disk, wrapsDir+"/"+e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// IsSealed tells whether any of the disks carries a checkpoint.
func IsSealed(disks []Disk) bool {
	for _, d := range disks {
		if _, err := vfs.ReadFile(d.FS, cpName, manifest.MaxCheckpoint); err == nil {
			return true
		}
	}
	return false
}
